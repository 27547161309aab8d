"""Chapter 11: record what goes over the wire, and replay it with no key and no network.

In the order of the lesson: what makes two requests the same, which of its answers a repeated request gets, what is
kept of an exchange, the adapter that records, the adapter that replays, and what a request that was not recorded is
told. What a file looks like is in recording_file.py, answers in pieces in recorded_streams.py.

Both adapters stand where `requests` keeps its connections
(https://requests.readthedocs.io/en/latest/user/advanced/#transport-adapters): the client does not notice them.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from cai_helpers.client import Client, read_json
from cai_helpers.errors import ADVICE, LLMError
from cai_helpers.recorded_streams import Tap, arrived, respond, whole_of
from cai_helpers.recording_file import Json, Recording, append, check_target, header_of, line_of
from cai_helpers.wire import is_stream

KEPT_HEADERS = ("content-type", "retry-after", "request-id", "x-request-id")
LEFT_OUT = ("stream", "stream_options", "metadata", "user")  # of a body: they do not change what is answered
REPEATS = ("error", "wrap", "last")

# ------------------------------------------------------------ what makes two requests the same


def question_of(client: Client, request: requests.PreparedRequest) -> Json | None:
    """What is kept of a request: an allow-list, so the key cannot be in it. None for a request that asks nothing."""
    try:
        body = json.loads(request.body or b"")
    except (ValueError, TypeError):
        return None
    if request.method != "POST" or not isinstance(body, dict):
        return None
    versions = {name: request.headers.get(name) for name in ("anthropic-version", "anthropic-beta")}
    path = request.path_url.removeprefix(urlsplit(client.base_url).path)
    return {"wire": client.wire["name"], "path": path, **versions, "body": body}


def key_of(question: Json) -> str:
    """The canonical text of a question: one form, whatever the order of the fields."""
    body = {name: value for name, value in question["body"].items() if name not in LEFT_OUT}
    return json.dumps({**question, "body": body}, sort_keys=True)


class Turns:
    """Numbers for questions that are asked more than once: 0, 1, 2, ..., under a lock, so that no two threads share
    one. A number that brought no answer is given back, and the next who asks gets it."""

    def __init__(self) -> None:
        self.taken: dict[str, set[int]] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> int:
        with self._lock:
            taken = self.taken.setdefault(key, set())
            number = next(n for n in count() if n not in taken)
            taken.add(number)
            return number

    def give_back(self, key: str, number: int) -> None:
        with self._lock:
            self.taken[key].discard(number)


def by_key(exchanges: list[Json]) -> dict[str, dict[int, Json]]:
    """The recorded exchanges by question and occurrence. One that is taken twice moves to the next that is free."""
    found: dict[str, dict[int, Json]] = {}
    for exchange in exchanges:
        answers = found.setdefault(key_of(exchange["question"]), {})
        answers[next(n for n in count(exchange["occurrence"]) if n not in answers)] = exchange
    return found


# ------------------------------------------------------------ what is kept of an answer


def kept(response: requests.Response, **content: Any) -> Json:
    """Status, a few headers, and the content: the other half of the allow-list."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return {"status": response.status_code, "headers": headers, **content}


def refuse_key(client: Client, line: bytes) -> None:
    """LLMError "key_in_recording" where the key of this client stands in the line."""
    text = line.decode()
    if client.hide(text) != text:
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording", attempts=0)


# ------------------------------------------------------------ record


class Writer:
    """Adds exchanges to a file, one line each, behind the header line of this session. Refuses what holds the key."""

    def __init__(self, path: Path, client: Client):
        self.path, self.client = path, client
        self._header, self._lock = line_of(header_of(client)), threading.Lock()

    def write(self, exchange: Json) -> None:
        row = {**exchange, "refused": self.client.refused} if self.client.refused else exchange
        with self._lock:
            lines = self._header + line_of(row)
            refuse_key(self.client, lines)
            append(self.path, lines)
            self._header = b""


def keep(writer: Writer, asked: Json, response: requests.Response, drop: Callable[[], None]) -> None:
    """Write an answer down: successes and refusals, never an error. A stream is written when it has ended."""
    if asked["question"]["body"].get("stream") is True and is_stream(response):
        response.raw = Tap(response.raw, partial(keep_stream, writer, asked, response, drop))
        return
    reply = read_json(response)
    if reply is None or not 200 <= response.status_code < 300:
        drop()
    else:
        writer.write({**asked, **kept(response, reply=reply)})


def keep_stream(
    writer: Writer, asked: Json, response: requests.Response, drop: Callable[[], None], pieces: list[Any]
) -> None:
    """Write a stream down if it is whole. The pieces of a key are not the key, but put together they are."""
    events = arrived(pieces)
    whole = whole_of(asked["question"]["wire"], events)
    if not whole:
        drop()
        return
    refuse_key(writer.client, line_of(whole))
    writer.write({**asked, **kept(response, events=events)})


def recorded(writer: Writer, turns: Turns, question: Json, send: Callable[[], requests.Response]) -> requests.Response:
    """Send a question and keep its answer. What holds the key is not even sent."""
    refuse_key(writer.client, line_of(question))
    key = key_of(question)
    number = turns.take(key)
    drop = partial(turns.give_back, key, number)
    try:
        response = send()
        keep(writer, {"question": question, "occurrence": number}, response, drop)
        return response
    except BaseException:
        drop()
        raise


class Recorder(BaseAdapter):
    """Hands each request on to `inner`, and keeps what was answered. model: the course model, where it is behind."""

    def __init__(self, writer: Writer, turns: Turns, inner: Any):
        super().__init__()
        self.writer, self.turns, self.inner, self.model = writer, turns, inner, getattr(inner, "model", None)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        question, send = question_of(self.writer.client, request), partial(self.inner.send, request, *args, **options)
        return send() if question is None else recorded(self.writer, self.turns, question, send)

    def close(self) -> None:
        self.inner.close()


def recorder(path: str | Path, inside: Callable[[Client, Any], Any] | None = None) -> Callable[[Client, Any], Any]:
    """The `transport` of `connect` that records into this file. inside: another transport that stays behind it."""

    def make(client: Client, inner: Any) -> Recorder:
        turns = Turns()
        for key, answers in by_key(check_target(Path(path), client)["exchanges"]).items():
            turns.taken[key] = set(answers)
        client.badge = f"{client!r} Recorded in {Path(path).name}."
        return Recorder(Writer(Path(path), client), turns, inside(client, inner) if inside else inner)

    return make


# ------------------------------------------------------------ replay


def pick(answers: dict[int, Json], number: int, repeats: str = "error") -> Json | None:
    """The answer with this number, or None. repeats: what comes after the last: none ("error"), the first again
    ("wrap"), or the "last" one."""
    end = max(answers, default=-1) + 1
    if repeats == "wrap" and end:
        number %= end
    elif repeats == "last":
        number = min(number, end - 1)
    return answers.get(number)


class Replay(BaseAdapter):
    """Answers from a recording and from nothing else."""

    def __init__(self, client: Client, recording: Recording, repeats: str = "error"):
        super().__init__()
        self.client, self.recording, self.repeats, self.turns = client, recording, repeats, Turns()
        self.answers = by_key(recording["exchanges"])

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        question = question_of(self.client, request)
        key = key_of(question or {"body": {}})
        answers, number = self.answers.get(key, {}), self.turns.take(key)
        exchange = pick(answers, number, self.repeats)
        if question is None or exchange is None:
            raise missing(why_not(self, key, answers, number))
        return respond(request, question, exchange)

    def close(self) -> None:
        """Nothing is held open."""


# ------------------------------------------------------------ a question that was not recorded


def missing(reason: str) -> LLMError:
    return LLMError(ADVICE["not_recorded"].format(reason=reason), type="not_recorded", attempts=0)


def why_not(replay: Replay, key: str, answers: dict[int, Json], number: int) -> str:
    """Why a replay has no answer to this."""
    if "wire" not in json.loads(key):
        return "a replay answers questions to a model only."
    if not answers:
        return compared(key, replay.answers)
    if number > max(answers):
        more = 'repeats="wrap" in connect(...) begins again, repeats="last" stays with the last answer.'
        return f"this request comes for time number {number + 1}; answers recorded: {max(answers) + 1}. {more}"
    lines = ", ".join(map(str, replay.recording["damaged"])) or "none"
    return f"answer {number + 1} of {max(answers) + 1} to this request is lost. Damaged lines: {lines}."


def compared(key: str, recorded: dict[str, Any]) -> str:
    """The nearest recorded question, and the words in which this one differs."""
    asked = readable(key)
    nearest, best = [], -1.0
    for other in map(readable, recorded):
        matcher = SequenceMatcher(None, other, asked, autojunk=False)
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
            nearest, best = other, matcher.ratio()
    shown = list(differences(nearest, asked))
    more = [f"  and {len(shown) - 5} more"] if len(shown) > 5 else []
    return "\n".join(["no recorded request equals this one. The nearest differs here:", *shown[:5], *more])


def readable(key: str) -> list[str]:
    """The words of a question, with the names of its fields between them."""
    return json.dumps(json.loads(key), indent=1, ensure_ascii=False).replace("\\n", " ").split()


def differences(recorded: list[str], asked: list[str]) -> Iterator[str]:
    """Each place where two lists of words differ, with four words before and after."""
    for kind, i, j, k, n in SequenceMatcher(None, recorded, asked, autojunk=False).get_opcodes():
        if kind != "equal":
            before, after = " ".join(recorded[max(0, i - 4) : i]), " ".join(recorded[j : j + 4])
            old, new = " ".join(recorded[i:j])[:200], " ".join(asked[k:n])[:200]
            yield f"  recorded: {before} [{old}] {after}\n  asked:    {before} [{new}] {after}"
