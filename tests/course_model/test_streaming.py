"""Streamed answers of the course model in the process: names and order of the events, usage, limits, faults, pace."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from cai_helpers.course_model import MODEL_ID, CourseModel, mount
from cai_helpers.course_model.streaming import pieces

ANTHROPIC, OPENAI = "https://api.anthropic.com/v1/messages", "https://api.openai.com/v1/chat/completions"
HEADERS = {"x-api-key": "k", "Authorization": "Bearer k", "anthropic-version": "2026-10-21"}
HELLO = [{"role": "user", "content": "Why is the sky blue?"}]
CHOICE = "Which reply is more polite? Answer (A) or (B) only.\n(A) You are a fool.\n(B) Thank you, I will help."


def ask(url: str, session: requests.Session | None = None, stream: bool = True, **more: Any) -> requests.Response:
    if session is None:
        session = requests.Session()
        mount(session)
    body = {"model": MODEL_ID, "max_tokens": 900, "messages": HELLO, "stream": stream, **more}
    return session.post(url, headers=HEADERS, json=body, stream=stream, timeout=5)


def events(response: requests.Response) -> list[tuple[str, dict[str, Any]]]:
    """(name, data) of each server-sent event; data of [DONE] is {}."""
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    found = []
    for block in response.content.decode().split("\n\n")[:-1]:
        *names, data = block.split("\n")
        assert data.startswith("data: ") and all(name.startswith("event: ") for name in names) and len(names) < 2
        text = data[len("data: ") :]
        found.append((names[0][len("event: ") :] if names else "", {} if text == "[DONE]" else json.loads(text)))
    return found


def test_events_of_a_message() -> None:
    whole = ask(ANTHROPIC, stream=False).json()
    found = events(ask(ANTHROPIC))
    assert all(name == data["type"] for name, data in found)
    names = [name for name, _ in found if name != "content_block_delta"]
    assert names == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    start, end = found[0][1]["message"], found[-2][1]
    assert start["content"] == [] and start["stop_reason"] is None and start["id"] == whole["id"]
    assert start["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    deltas = [data["delta"] for name, data in found if name == "content_block_delta"]
    assert {delta["type"] for delta in deltas} == {"text_delta"} and len(deltas) > 10
    assert "".join(delta["text"] for delta in deltas) == whole["content"][0]["text"]
    assert end["delta"]["stop_reason"] == "end_turn" and set(end["delta"]) >= {"stop_sequence", "stop_details"}
    assert end["usage"].items() <= whole["usage"].items() and end["usage"]["output_tokens"] > 1


def test_chunks_of_a_chat_completion() -> None:
    whole = ask(OPENAI, stream=False).json()
    found = events(ask(OPENAI, stream_options={"include_usage": True}))
    assert {name for name, _ in found} == {""} and found[-1][1] == {}
    chunks = [data for _, data in found[:-1]]
    assert {(c["id"], c["object"], c["created"]) for c in chunks} == {
        (whole["id"], "chat.completion.chunk", whole["created"])
    }
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"] == whole["usage"]
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    parts = [chunk["choices"][0] for chunk in chunks[:-1]]
    assert parts[0]["delta"]["role"] == "assistant" and not any("role" in part["delta"] for part in parts[1:])
    assert [part["finish_reason"] for part in parts] == [None] * (len(parts) - 1) + ["stop"]
    said = "".join(part["delta"].get("content") or "" for part in parts)
    assert said == whole["choices"][0]["message"]["content"] and len(parts) > 10


def test_without_the_option_no_chunk_has_usage() -> None:
    assert not any("usage" in data for _, data in events(ask(OPENAI)))


def test_choices_and_logprobs_in_chunks() -> None:
    more = {"messages": [{"role": "user", "content": CHOICE}], "logprobs": True, "top_logprobs": 2, "n": 2}
    whole = ask(OPENAI, stream=False, **more).json()
    for choice in whole["choices"]:
        parts = [part for _, data in events(ask(OPENAI, **more)) for part in data.get("choices", [])]
        mine = [part for part in parts if part["index"] == choice["index"]]
        entries = [entry for part in mine if part["logprobs"] for entry in part["logprobs"]["content"]]
        assert entries == choice["logprobs"]["content"]
        assert "".join(part["delta"].get("content") or "" for part in mine) == choice["message"]["content"]


def test_thinking_is_streamed_before_the_text() -> None:
    session = requests.Session()
    mount(session, faults=["thinking"])
    found = events(ask(ANTHROPIC, session))
    starts = [data["content_block"]["type"] for name, data in found if name == "content_block_start"]
    kinds = [data["delta"]["type"] for name, data in found if name == "content_block_delta" and data["index"] == 0]
    assert starts == ["thinking", "text", "text"] and kinds[-1] == "signature_delta"
    assert set(kinds[:-1]) == {"thinking_delta"} and found[-2][1]["usage"]["output_tokens_details"]["thinking_tokens"]


def test_refusal_limit_and_stop_sequence() -> None:
    session = requests.Session()
    mount(session, faults=["refusal", "refusal"])
    found = events(ask(ANTHROPIC, session))
    assert [name for name, _ in found] == ["message_start", "ping", "message_delta", "message_stop"]
    assert found[2][1]["delta"]["stop_details"]["type"] == "refusal"
    parts = [data["choices"][0]["delta"] for _, data in events(ask(OPENAI, session)) if data]
    assert "".join(part.get("refusal") or "" for part in parts) and not any(part.get("content") for part in parts)
    assert events(ask(ANTHROPIC, max_tokens=5))[-2][1]["delta"]["stop_reason"] == "max_tokens"
    stopped = events(ask(ANTHROPIC, stop_sequences=["the"]))[-2][1]["delta"]
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "the")
    assert events(ask(OPENAI, max_tokens=5))[-2][1]["choices"][0]["finish_reason"] == "length"


def test_an_error_before_the_stream_is_no_stream() -> None:
    session = requests.Session()
    mount(session, faults=["529"])
    assert ask(ANTHROPIC, session).json()["error"]["type"] == "overloaded_error"
    assert ask(ANTHROPIC, session, temperature=1).status_code == 400


def failing(fault: str | None) -> requests.Session:
    session = requests.Session()
    mount(session, faults=[fault])
    return session


@pytest.mark.parametrize("url", [ANTHROPIC, OPENAI])
def test_a_stream_that_breaks(url: str) -> None:
    seen = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for part in ask(url, failing("stream-cut")).iter_content(64):
            seen += part
    *_, (name, last) = events(ask(url, failing("stream-error")))
    assert (name, last["error"]["message"]) == ("error" if url == ANTHROPIC else "", "Overloaded")
    polite, whole = ask(url, failing("stream-end")).content, ask(url).content
    assert whole.startswith(seen) and whole.startswith(polite) and 0 < len(polite) < len(seen) < len(whole)
    assert not seen.endswith(b"\n\n") and polite.endswith(b"\n\n")  # one breaks in an event, the other between two


def test_lines_arrive_one_by_one_with_the_pace() -> None:
    waits: list[float] = []
    session = requests.Session()
    mount(session, pace=0.25, sleep=waits.append)
    lines = ask(ANTHROPIC, session).iter_lines()
    assert next(lines) == b"event: message_start" and waits == [0.25]
    rest = list(lines)
    assert [line for line in rest if line][-1] == b'data: {"type": "message_stop"}'
    assert len(waits) == sum(line.startswith(b"event: ") for line in rest) + 1


def test_a_pause_longer_than_the_time_out() -> None:
    session = requests.Session()
    mount(session, pace=9, sleep=lambda _: None)
    with pytest.raises(requests.ConnectionError, match="timed out"):
        list(ask(ANTHROPIC, session).iter_lines())


def test_counting_tokens_does_not_stream() -> None:
    session = requests.Session()
    mount(session)
    body = {"model": MODEL_ID, "messages": HELLO, "stream": True}
    assert session.post(ANTHROPIC + "/count_tokens", headers=HEADERS, json=body).json()["input_tokens"] > 0


@given(st.text())
def test_pieces_are_the_text(text: str) -> None:
    assert "".join(pieces(text)) == text and all(len(piece.strip()) <= 24 for piece in pieces(text))


WRONG = [0, 1, -1, 1.5, True, "", "x", [], [1], ["x"], {}, {"type": "x"}, [{"type": "text"}], {"type": []}]
NAMES = """model max_tokens messages system stop_sequences stop stream stream_options thinking tool_choice tools
output_config output_format response_format temperature top_p top_k n logprobs top_logprobs metadata
max_completion_tokens""".split()


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions"])
@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_a_field_of_any_type_gets_an_answer_not_a_crash(path: str, version: str) -> None:
    model, statuses = CourseModel(), set()
    for name in NAMES:
        for value in WRONG:
            body = {"model": MODEL_ID, "max_tokens": 50, "messages": HELLO, name: value}
            raw = json.dumps(body).encode()
            answer = model.handle("POST", path, {**HEADERS, "anthropic-version": version}, raw)
            statuses.add(answer.status)
            assert answer.status == 200 or "error" in json.loads(answer.body), (name, value)
    assert statuses == {200, 400, 404}
