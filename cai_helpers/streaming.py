"""Answers that arrive in pieces: `stream_llm` over raw server-sent events, on both wire formats.

What one event means is in `cai_helpers.wire` (`add_event`, `add_chunk`); here is how events are cut out of bytes, and
what counts as an end. An answer that breaks off is an error, never a short answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any

import requests

from cai_helpers.client import SPENT, Client, current_client, explain, read_json
from cai_helpers.errors import ADVICE, LLMError, name_error
from cai_helpers.wire import is_stream, is_whole

Json = dict[str, Any]


def server_sent(pieces: Iterable[bytes]) -> Iterator[str]:
    """The data of each server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Pieces may break anywhere, also inside a character. Names of events are not needed: both formats say in the data
    what it is. Comments, which keep a connection awake, are skipped.
    """
    rest, data = b"", []
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data).decode("utf-8", "replace")
                data = []
    if rest.startswith(b"data:"):  # some servers leave out the empty line after the last event
        data.append(rest[5:].strip())
    if data:
        yield b"\n".join(data).decode("utf-8", "replace")


def open_stream(client: Client, payload: Json, note: str = "") -> tuple[requests.Response, Json]:
    """`send` for an answer in pieces: the same attempts and waits until it begins, none once it has begun.

    Gives the response, unread, and the facts for its trace: {} where the server does not stream and all is traced.
    """
    for attempt in range(1, client.max_attempts + 1):
        start = time.perf_counter()
        response, failure = client.post(payload, attempt, note)
        if response is not None and is_stream(response):
            return response, {"attempt": attempt, "note": note, "start": start, "payload": payload}
        if response is not None and response.status_code == 200 and read_json(response) is not None:
            return response, {}
        error, wait = explain(client, response, failure, attempt)
        if wait is None or attempt == client.max_attempts:
            break
        client.sleep(wait)
    raise error


def pieces_of(response: requests.Response) -> Iterator[bytes]:
    """The body as it arrives. Without chunked coding requests would wait for full blocks: then byte by byte."""
    size = None if getattr(response.raw, "chunked", False) else 1
    return response.iter_content(size)


def read_stream(client: Client, response: requests.Response, reply: Json) -> Iterator[str]:
    """The texts of a stream as they arrive, put together in `reply`. LLMError where it fails or is cut."""
    problem, texts = None, list[str]()
    try:
        for data in server_sent(pieces_of(response)):
            event = {"type": "message_stop"} if data.strip() == "[DONE]" else json.loads(data)
            if event.get("error") or event.get("type") == "error":
                problem = stream_error(client, event)
                break
            texts.append(client.wire["add"](reply, event))
            if texts[-1]:
                yield texts[-1]
            if event.get("type") == "message_stop":
                break
    except requests.RequestException:
        pass  # the connection broke: is_whole tells; what requests says of it is not kept, for it holds the key
    except (ValueError, TypeError, AttributeError, KeyError):  # half an event, or something that is none
        problem = LLMError(ADVICE["cut"], type="cut", status=200)
    if problem is None and not is_whole(reply):
        problem = LLMError(ADVICE["cut"], type="cut", status=200)
    if problem is not None:
        problem.text = "".join(texts)
        raise problem
    client.wire["read"](reply)  # a refusal or the token limit is an error here too


def stream_error(client: Client, event: Json) -> LLMError:
    """The error that a server sends in a stream, after its 200."""
    found = name_error(event, 200)
    advice = ADVICE["spent"] if found["code"] in SPENT else ADVICE.get(found["type"], ADVICE["http_error"])
    said = client.hide(found["message"])[:1000]
    text = f'{advice} The server said, in the middle of the answer: "{said}". ({found["type"]})'
    return LLMError(text, type=found["type"], status=200, code=found["code"], said=said)


def stream_from(
    client: Client, system_prompt: str, user_message: str, temperature: float | None = None, max_tokens: int = 4096
) -> Iterator[str]:
    """Ask this client once and give the text as it arrives; see `stream_llm`."""

    def build() -> Json:
        payload = client.wire["build"](client.model, system_prompt, user_message, temperature, max_tokens)
        return {**payload, **client.wire["stream"]}

    response, facts = client.ask(build, open_stream)
    reply: Json = {}
    try:
        if facts:
            yield from read_stream(client, response, reply)
        else:
            yield client.wire["read"](read_json(response) or {})
    finally:
        response.close()
        if facts:
            trace_stream(client, response, reply, facts)


def trace_stream(client: Client, response: requests.Response, reply: Json, facts: Json) -> None:
    """Count a stream that has ended and keep it in the trace, as the reply that it would have been in one piece."""
    ended = "" if is_whole(reply) else "the stream broke off, or was left before its end"
    note = "; ".join(filter(None, [facts["note"], ended]))
    seconds = time.perf_counter() - facts["start"]
    kept = {"attempt": facts["attempt"], "note": note, "seconds": seconds}
    client.record("POST", client.wire["path"], facts["payload"], response, reply, kept)


def stream_llm(
    system_prompt: str, user_message: str, temperature: float | None = None, max_tokens: int = 4096
) -> Iterator[str]:
    """Ask the connected model once and give its text piece by piece, as it arrives.

    LLMError, with advice, where the answer fails, is refused, reaches the token limit or breaks off. The pieces
    that came before are then no answer; `error.text` holds them.
    """
    return stream_from(current_client(), system_prompt, user_message, temperature, max_tokens)
