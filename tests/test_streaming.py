"""Answers in pieces: both formats, what real servers do differently, and every way to break off."""

from __future__ import annotations

import json
import socket
import threading
import time
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import answer, chat_answer, chat_failure, failure, serving, stream

from cai_helpers import LLMError, client, connect, stream_llm
from cai_helpers.streaming import server_sent

KEY = "sk-test-4f9a77c1e2b35d60"
WORDS = ["Grüße", ", ", "line\nbreak", "\u2028\u0085", "🙂 end."]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (
        "CAI_BACKEND",
        "CAI_MODEL",
        "CAI_BASE_URL",
        "COMPATIBLE_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_current", None)


def event(**data):
    return f"event: {data['type']}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def messages(*words, stop_reason="end_turn", **more):
    """The events of a Messages stream, in the order of the reference."""
    first = {"type": "message", "content": [], "stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
    thought = {"type": "thinking_delta", "thinking": "not for the reader"}
    return [
        event(type="message_start", message=first),
        event(type="ping"),
        event(type="content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        event(type="content_block_delta", index=0, delta=thought),
        event(type="content_block_stop", index=0),
        event(type="content_block_start", index=1, content_block={"type": "text", "text": ""}),
        *[event(type="content_block_delta", index=1, delta={"type": "text_delta", "text": word}) for word in words],
        event(type="content_block_stop", index=1),
        event(type="message_delta", delta={"stop_reason": stop_reason}, usage={"output_tokens": 3}),
        event(type="message_stop"),
    ]


def chunk(delta=None, finish_reason=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish_reason}]
    return f"data: {json.dumps({'object': 'chat.completion.chunk', 'id': 'x', 'choices': choices, **more})}\n\n"


def chat(*words, finish_reason="stop"):
    """The chunks of a chat completion, in the order of the reference."""
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return [
        chunk({"role": "assistant", "content": ""}, usage=None),
        *[chunk({"content": word}, usage=None) for word in words],
        chunk({}, finish_reason, usage=None),
        chunk(usage=usage),
        "data: [DONE]\n\n",
    ]


BOTH = {"anthropic": messages, "openai": chat}


def listen(backend, *script, **options):
    """One stream against the script: the pieces, the LLMError or None, the server, the client, the waits."""
    pieces, problem, waits = [], None, []
    with serving(*script) as server:
        made = connect(backend, api_key=KEY, base_url=server.url, sleep=waits.append, **options)
        try:
            pieces.extend(stream_llm("Be brief.", "Hello?"))
        except LLMError as error:
            problem = error
    return pieces, problem, server, made, waits


@pytest.mark.parametrize("backend", BOTH)
def test_text_usage_and_trace(backend):
    pieces, problem, server, made, _ = listen(backend, stream(*BOTH[backend](*WORDS)))
    assert problem is None and pieces == WORDS
    assert made.usage == {"calls": 1, "input_tokens": 7, "output_tokens": 3, "seconds": made.usage["seconds"]}
    assert made.wire["read"](made.trace[0]["reply"]) == "".join(WORDS)
    assert (made.trace[0]["status"], made.trace[0]["note"]) == (200, "") and made.usage["seconds"] > 0
    body = server.seen[0]["body"]
    assert body["stream"] is True
    assert body.get("stream_options") == (None if backend == "anthropic" else {"include_usage": True})


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_pieces_may_break_anywhere(backend, size, newline):
    raw = "".join(BOTH[backend](*WORDS)).replace("\n", newline).encode()
    pieces, problem, *_ = listen(backend, stream(*[raw[i : i + size] for i in range(0, len(raw), size)]))
    assert problem is None and pieces == WORDS


@pytest.mark.parametrize("backend", BOTH)
def test_text_comes_as_it_arrives(backend):
    events = [piece.encode() for piece in BOTH[backend](*WORDS)]
    for chunked in (True, False):
        gate = threading.Event()
        port = hand_made_server(events, gate, chunked)
        connect(backend, api_key=KEY, base_url=f"http://127.0.0.1:{port}")
        arriving = stream_llm("", "Hello?")
        assert next(arriving) == WORDS[0]  # the server holds the rest back until now
        gate.set()
        assert list(arriving) == WORDS[1:]


def hand_made_server(events, gate, chunked):
    """Sends the events up to the first text, waits for the gate, then sends the others, with or without chunks."""
    listener = socket.create_server(("127.0.0.1", 0))
    split = next(i for i, piece in enumerate(events) if WORDS[0].encode() in piece or b"Gr\\u00fc" in piece) + 1

    def serve():
        connection, _ = listener.accept()
        with listener, connection:
            read_request(connection)
            coding = b"transfer-encoding: chunked\r\n" if chunked else b"connection: close\r\n"
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + coding + b"\r\n")
            for part in (events[:split], events[split:]):
                for piece in part:
                    connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                gate.wait(5)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


def read_request(connection):
    """All of it: closing a connection with unread bytes resets it, and what was sent is lost."""
    with connection.makefile("rb") as incoming:
        headers = dict(line.lower().split(b": ", 1) for line in iter(incoming.readline, b"\r\n") if b": " in line)
        incoming.read(int(headers[b"content-length"]))


# ------------------------------------------------------------ what real servers do differently

FINISH = chunk({"content": "!"}, "stop", usage={"prompt_tokens": 7, "completion_tokens": 3})
DEVIATIONS = {
    "no [DONE]": ("openai", chat("Hi")[:-1]),
    "no role": ("openai", chat("Hi")[1:]),
    "no usage": ("openai", [*chat("Hi")[:-2], "data: [DONE]\n\n"]),
    "usage and text in the finishing chunk": ("openai", [chunk({"content": "H"}), FINISH]),
    "comments and other fields": ("openai", [": hello\n\n", "id: 1\nretry: 5\n", *chat("Hi")]),
    "no space after data:": ("openai", [piece.replace("data: ", "data:") for piece in chat("Hi")]),
    "no empty line at the end": ("openai", [*chat("Hi")[:-1], "data: [DONE]"]),
    "content null, delta null, no choices": (
        "openai",
        [chunk({"content": None}), 'data: {"choices": [{"delta": null}]}\n\n', 'data: {"x": 1}\n\n', *chat("Hi")],
    ),
    "no event lines": ("anthropic", [piece.split("\n", 1)[1] for piece in messages("Hi")]),
    "events and deltas of tomorrow": (
        "anthropic",
        [
            event(type="of_tomorrow", delta="?"),
            event(type="content_block_delta", delta={"type": "new", "text": "not this"}),
            *messages("Hi"),
        ],
    ),
    "no content_block_start": ("anthropic", [p for p in messages("Hi") if "content_block_start" not in p]),
    "two data lines in one event": ("anthropic", [*messages("Hi")[:-1], 'data: {"type":\ndata: "message_stop"}\n\n']),
}


@pytest.mark.parametrize("name", DEVIATIONS)
def test_deviations_are_tolerated(name):
    backend, events = DEVIATIONS[name]
    pieces, problem, _, made, _ = listen(backend, stream(*events))
    assert problem is None and "".join(pieces) in ("Hi", "H!")
    assert made.trace[0]["note"] == ""


@pytest.mark.parametrize("backend", BOTH)
def test_a_server_that_does_not_stream(backend):
    status, _, body = answer() if backend == "anthropic" else chat_answer()
    pieces, problem, _, made, _ = listen(backend, (status, {"content-type": "application/json"}, body))
    assert (pieces, problem, made.usage["calls"], made.usage["output_tokens"]) == (["Hello."], None, 1, 3)


def test_what_comes_after_the_end_is_not_waited_for():
    gate, events = threading.Event(), [piece.encode() for piece in messages(*WORDS)]
    port = hand_made_server([*events, b": still here\n\n"], gate, True)
    gate.set()
    connect("anthropic", api_key=KEY, base_url=f"http://127.0.0.1:{port}")
    start = time.perf_counter()
    assert list(stream_llm("", "Hello?")) == WORDS and time.perf_counter() - start < 3


# ------------------------------------------------------------ breaking off


@pytest.mark.parametrize("backend", BOTH)
@pytest.mark.parametrize("how", ["cut", "end"])
def test_a_stream_that_breaks_off_is_never_a_short_answer(backend, how):
    events = BOTH[backend](*WORDS)
    for kept in range(len(events)):
        script = stream(*events[:kept], *(["cut"] if how == "cut" else []))
        pieces, problem, server, made, waits = listen(backend, script)
        whole = backend == "openai" and kept >= len(events) - 2  # the model said that it ended
        assert (problem is None) is whole, kept
        assert len(server.seen) == 1 and waits == []  # never asked again
        if not whole:
            assert problem.type == "cut" and problem.text == "".join(pieces) and "Ask again" in str(problem)
            assert "broke off" in made.trace[0]["note"] and made.usage["calls"] == 1


@pytest.mark.parametrize("backend", BOTH)
def test_half_an_event_is_a_cut(backend):
    raw = "".join(BOTH[backend](*WORDS)).encode()
    half = raw[: raw.index(b"end.") + 2]
    pieces, problem, *_ = listen(backend, stream(half))
    assert problem.type == "cut" and pieces == WORDS[:-1]


@pytest.mark.parametrize(
    "junk", ["data: [1]\n\n", "data: null\n\n", "data: {\n\n", 'data: {"choices": [{"delta": 3}]}\n\n']
)
def test_an_event_that_is_none_is_a_cut(junk):
    pieces, problem, *_ = listen("openai", stream(*chat("Hi")[:2], junk, *chat("Hi")[2:]))
    assert problem.type == "cut" and pieces == ["Hi"]


IN_STREAM = {
    "Anthropic": (
        "anthropic",
        [*messages("Hi")[:7], event(type="error", error={"type": "overloaded_error", "message": f"busy {KEY}"})],
        "overloaded_error",
    ),
    "OpenAI": (
        "openai",
        [*chat("Hi")[:2], f'data: {{"error": {{"message": "busy {KEY}", "code": "server_is_overloaded"}}}}\n\n'],
        "overloaded_error",
    ),
    "a mere text": ("openai", [*chat("Hi")[:2], f'data: {{"error": "busy {KEY}"}}\n\n'], "api_error"),
}


@pytest.mark.parametrize("name", IN_STREAM)
def test_an_error_in_the_stream(name):
    backend, events, kind = IN_STREAM[name]
    pieces, problem, *_ = listen(backend, stream(*events))
    assert (pieces, problem.type, problem.status, problem.text) == (["Hi"], kind, 200, "Hi")
    assert "busy [hidden]" in str(problem) and KEY not in str(problem)


@pytest.mark.parametrize(
    ("backend", "events", "kind"),
    [
        ("anthropic", messages("Hi", stop_reason="max_tokens"), "truncated"),
        ("anthropic", messages("Hi", stop_reason="refusal"), "refusal"),
        ("anthropic", messages(), "empty"),
        ("openai", chat("Hi", finish_reason="length"), "truncated"),
        ("openai", chat("Hi", finish_reason="content_filter"), "refusal"),
        ("openai", [chunk({"refusal": "I cannot."}), *chat()], "refusal"),
        ("openai", chat(), "empty"),
    ],
)
def test_an_unusable_end_is_an_error(backend, events, kind):
    pieces, problem, *_ = listen(backend, stream(*events))
    assert problem.type == kind and "".join(pieces) in ("", "Hi")


@pytest.mark.parametrize("backend", BOTH)
def test_before_it_begins_a_stream_is_tried_again(backend):
    busy = failure(529, "overloaded_error") if backend == "anthropic" else chat_failure(503, "server_is_overloaded")
    script = [busy, "cut", stream(*BOTH[backend](*WORDS))]
    pieces, problem, server, made, waits = listen(backend, *script)
    assert problem is None and pieces == WORDS
    assert (len(server.seen), len(waits), made.usage["calls"]) == (3, 2, 3)


def test_a_refused_parameter_heals_a_stream_too():
    refusal = chat_failure(400, None, "stream_options: Extra inputs are not permitted")
    pieces, problem, server, made, _ = listen("compatible", refusal, stream(*chat("Hi")), model="m")
    assert (pieces, problem) == (["Hi"], None) and "stream_options" not in server.seen[1]["body"]
    assert "stream_options left out" in made.trace[1]["note"]


def test_a_page_in_between_is_tried_again_and_is_no_answer():
    page = (200, {"content-type": "text/html"}, "<html>log in</html>")
    pieces, problem, server, *_ = listen("openai", page, page, page)
    assert (pieces, problem.type, len(server.seen)) == ([], "not_json", 3)


def test_a_stream_that_is_left_early_is_counted_and_closed():
    with serving(stream(*messages(*WORDS))) as server:
        made = connect("anthropic", api_key=KEY, base_url=server.url)
        arriving = stream_llm("", "Hello?")
        next(arriving)
        arriving.close()
    assert made.usage["calls"] == 1 and "left before its end" in made.trace[0]["note"]


def test_no_key_in_a_cut_stream():
    with serving(stream(*messages(*WORDS)[:8], "cut")) as server:
        made = connect("anthropic", api_key=KEY, base_url=server.url)
        try:
            list(stream_llm("", f"my key is {KEY}"))
        except LLMError as error:
            problem = error
    chain, seen = problem, []
    while chain is not None:
        seen += [str(chain), repr(vars(chain))]
        chain = chain.__context__
    report = "".join(traceback.TracebackException.from_exception(problem, capture_locals=True).format())
    inside = report[report.index("in read_stream") :]  # the frames above are this test's own, with its KEY
    assert KEY not in "".join([*seen, inside, repr(made), str(list(made.trace)), repr(vars(made))])


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), max_size=5), st.data())
def test_events_are_cut_out_of_bytes(texts, data):
    raw = "".join(f"data: {text}\n\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert list(server_sent(pieces)) == texts
