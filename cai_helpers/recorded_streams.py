"""Answers in pieces, as a recording keeps them: out of a stream into a list of events, and back.

A recorded stream also serves a call that wants its answer in one piece, and the other way round.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from cai_helpers.recording_file import Json
from cai_helpers.streaming import server_sent
from cai_helpers.wire import WIRES, as_dict, first_choice, is_whole


class Tap:
    """A body that arrives in pieces, with a copy of each piece for `done`.

    That is called once: at the end, or when a stream broke or was left.
    """

    def __init__(self, raw: Any, done: Callable[[list[tuple[float, bytes]]], None]):
        self._raw, self._done, self._start = raw, done, time.perf_counter()
        self._pieces: list[tuple[float, bytes]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int | None = None, decode_content: bool = True) -> Iterator[bytes]:
        for piece in self._raw.stream(amount, decode_content=decode_content):
            self._pieces.append((time.perf_counter() - self._start, piece))
            yield piece
        self._end()

    def close(self) -> None:
        self._raw.close()
        self._end()

    def _end(self) -> None:
        done, self._done = self._done, lambda pieces: None
        done(self._pieces)


def arrived(pieces: list[tuple[float, bytes]]) -> list[Json]:
    """The events of a stream, each with the seconds after which it was there; [] where one is no JSON."""
    now = [0.0]

    def on_the_way() -> Iterator[bytes]:
        for seconds, piece in pieces:
            now[0] = round(seconds, 3)
            yield piece

    texts = ((now[0], text) for text in server_sent(on_the_way()))
    try:
        return [{"after": after, "data": text if text == "[DONE]" else json.loads(text)} for after, text in texts]
    except ValueError:
        return []


def whole_of(wire: str, events: list[Json]) -> Json:
    """The reply that a stream would have been in one piece; {} for a stream that failed or was cut."""
    reply: Json = {}
    try:
        for data in (event["data"] for event in events if event["data"] != "[DONE]"):
            if data.get("error") or data.get("type") == "error":
                return {}
            WIRES[wire]["add"](reply, data)
    except (ValueError, TypeError, AttributeError, KeyError):
        return {}
    first = events[0]["data"] if events else {}
    return {**as_dict(first.get("message", first)), **reply} if is_whole(reply) else {}


def events_of(wire: str, reply: Json) -> list[Any]:
    """The stream that a reply in one piece would have been, with its whole text in one event."""
    return message_events(reply) if wire == "anthropic" else chat_events(reply)


def message_events(reply: Json) -> list[Any]:
    ending = {name: reply.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    start = {**reply, "content": [], **dict.fromkeys(ending)}
    events: list[Any] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(reply.get("content") or []):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": ending, "usage": reply.get("usage") or {}})
    return [*events, {"type": "message_stop"}]


def chat_events(reply: Json) -> list[Any]:
    choice = first_choice(reply)
    delta = {"index": 0, "delta": choice.get("message"), "finish_reason": choice.get("finish_reason")}
    return [{**reply, "object": "chat.completion.chunk", "choices": [delta]}, "[DONE]"]


class Body(io.BytesIO):
    """What `requests` reads an answer from."""

    chunked = True

    def release_conn(self) -> None:
        """No connection to give back."""


def respond(request: requests.PreparedRequest, question: Json, exchange: Json) -> requests.Response:
    """The answer as `requests` gives it: in pieces where pieces are asked for, whichever way it was recorded."""
    response = requests.Response()
    response.status_code, response.request, response.url = exchange["status"], request, request.url or ""
    response.headers, response.encoding = CaseInsensitiveDict(exchange["headers"]), "utf-8"
    if question["body"].get("stream") is True:
        data = [event["data"] for event in exchange.get("events") or []]
        text = "".join(map(server_sent_event, data or events_of(question["wire"], exchange["reply"])))
        response.headers["content-type"] = "text/event-stream; charset=utf-8"
    else:
        text = json.dumps(exchange.get("reply") or whole_of(question["wire"], exchange["events"]))
        response.headers["content-type"] = "application/json"
    response.raw = Body(text.encode())
    return response


def server_sent_event(data: Any) -> str:
    name = f"event: {data['type']}\n" if isinstance(data, dict) and "type" in data else ""
    return f"{name}data: {data if isinstance(data, str) else json.dumps(data)}\n\n"
