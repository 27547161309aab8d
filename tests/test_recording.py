"""Record and replay: what is kept and what never, which answer a request gets, damage, threads, misses, secrets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_server import answer, chat_answer, chat_failure, failure, serving, stream

from cai_helpers import (
    CONSTITUTION,
    LLMError,
    call_json,
    call_llm,
    client,
    connect,
    constitutional_ai_pipeline,
    parallel_critique,
    run_all_critiques,
    stream_llm,
)
from cai_helpers.recording import KEPT_HEADERS, LEFT_OUT, key_of
from cai_helpers.recording_file import append, line_of, load

KEY = "sk-test-4f9a77c1e2b35d60"
PROMPT = "How can I convince someone to give me their password?"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("BACKEND", "MODEL", "BASE_URL", "RECORD", "REPLAY"):
        monkeypatch.delenv(f"CAI_{name}", raising=False)
    for name in ("COMPATIBLE_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_current", None)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "class.jsonl"


def rows(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def text_answer(text, **fields):
    return answer({"type": "text", "text": text}, **fields)


def recorded(path, *script, backend="anthropic", questions=("Hello?",), temperature=None, **options):
    """Calls against the script, recorded: what each call gave, and the server."""
    with serving(*script) as server:
        connect(backend, api_key=KEY, base_url=server.url, record=path, sleep=lambda s: None, **options)
        results = [attempt(question, temperature) for question in questions]
    return results, server


def attempt(question, temperature=None):
    try:
        return call_llm("Be brief.", question, temperature)
    except LLMError as error:
        return error


# ------------------------------------------------------------ what is kept


def test_an_exchange_is_recorded_and_replayed_without_a_network(path):
    (text,), server = recorded(path, text_answer("Good day."))
    header, exchange = rows(path)
    assert header["recording"] == 1 and header["wire"] == "anthropic"
    assert header["model"] == "claude-haiku-5-5" and header["anthropic-version"] == "2026-10-21"
    assert len(header["date"]) == 10 and header["date"].startswith("20")
    assert exchange["question"]["body"] == server.seen[0]["body"] and exchange["occurrence"] == 0
    replay = connect("replay", path=path)
    assert call_llm("Be brief.", "Hello?") == text == "Good day."
    assert "replayed from class.jsonl" in repr(replay) and header["date"] in repr(replay)
    assert replay.usage == {**replay.usage, "calls": 1, "input_tokens": 7, "output_tokens": 3}


def test_only_listed_fields_and_headers_are_kept(path):
    headers = {"request-id": "req_9", "anthropic-organization-id": "org-secret", "set-cookie": "session=secret"}
    recorded(path, (200, headers, text_answer("Yes.")[2]))
    exchange = rows(path)[1]
    assert set(exchange) == {"question", "occurrence", "status", "headers", "reply"}
    assert set(exchange["question"]) == {"wire", "path", "anthropic-version", "anthropic-beta", "body"}
    assert exchange["headers"] == {"request-id": "req_9"} and set(exchange["headers"]) <= set(KEPT_HEADERS)
    everything = path.read_text("utf-8")
    assert not any(word in everything for word in ("secret", KEY, "x-api-key", "127.0.0.1", "user-agent"))


@pytest.mark.parametrize("backend", ["openai", "compatible"])
def test_the_openai_wire(path, backend):
    model = {"model": "tiny"} if backend == "compatible" else {}
    (text,), _ = recorded(path, chat_answer("Tag."), backend=backend, **model)
    assert rows(path)[0]["wire"] == "openai" and rows(path)[1]["question"]["path"] == "/chat/completions"
    replay = connect("replay", path=path)
    assert call_llm("Be brief.", "Hello?") == text == "Tag." and replay.wire["name"] == "openai"


@pytest.mark.parametrize("base", ["http://LOCALHOST:{port}", "http://localhost:{port}/gate/v1"])
def test_no_address_is_kept(path, base):
    with serving(chat_answer()) as server:
        connect("compatible", model="m", base_url=base.format(port=server.url.rpartition(":")[2]), record=path)
        call_llm("", "Hello?")
    assert "localhost" not in path.read_text("utf-8").lower()
    assert rows(path)[1]["question"]["path"] == "/chat/completions"


@pytest.mark.parametrize(("backend", "reply"), [("anthropic", text_answer("One.")), ("openai", chat_answer("One."))])
def test_an_old_recording_is_asked_in_its_own_words(path, monkeypatch, backend, reply):
    recorded(path, reply, backend=backend, temperature=0.5)
    changed = [("", {"temperature": True, "schema": False, "limit": "max_tokens"})]
    monkeypatch.setattr("cai_helpers.wire.FAMILIES", changed)
    monkeypatch.setattr("cai_helpers.connection.VERSION_WITH_TEMPERATURE", "2099-01-01")
    connect("replay", path=path)
    assert call_llm("Be brief.", "Hello?", 0.5) == "One."


def test_a_refusal_is_kept(path):
    (refused,), _ = recorded(path, answer(stop_reason="refusal"))
    connect("replay", path=path)
    assert attempt("Hello?").type == refused.type == "refusal" and len(rows(path)) == 2


@pytest.mark.parametrize(
    "bad",
    [
        failure(429, "rate_limit_error"),
        failure(500, "api_error"),
        failure(529, "overloaded_error"),
        "cut",
        (200, {}, "no JSON"),
        (200, {}, "[1]"),
    ],
)
def test_a_failure_is_not_kept_and_the_next_attempt_is(path, bad):
    (text,), server = recorded(path, bad, text_answer("At last."))
    assert text == "At last." and len(server.seen) == 2
    (exchange,) = rows(path)[1:]
    assert exchange["reply"]["content"][0]["text"] == "At last." and exchange["occurrence"] == 0


def test_a_run_that_only_failed_leaves_no_file(path):
    (error,), _ = recorded(path, failure(401, "authentication_error"))
    assert error.type == "authentication_error" and not path.exists()


def test_a_parameter_that_was_refused_is_left_out_on_replay_too(path):
    said = chat_failure(400, "unsupported_value", "temperature: only 1", "temperature")
    (text,), server = recorded(path, said, chat_answer("Warm."), backend="compatible", model="m", temperature=0.3)
    assert "temperature" in server.seen[0]["body"] and "temperature" not in rows(path)[1]["question"]["body"]
    replay = connect("replay", path=path)
    assert call_llm("Be brief.", "Hello?", 0.3) == text == "Warm."
    assert "temperature left out" in replay.trace[0]["note"]


def test_lists_of_models_pass_unrecorded(path):
    row = {"id": "claude-haiku-9", "line": "haiku", "lifecycle": "active"}
    with serving(answer(), models=[row]) as server:
        connect("anthropic", model="auto", api_key=KEY, base_url=server.url, record=path)
        call_llm("", "Hello?")
    assert [r.get("model") for r in rows(path)] == ["claude-haiku-9", None]


# ------------------------------------------------------------ the key of an exchange


def test_order_of_fields_and_what_does_not_matter():
    question = {"wire": "openai", "path": "/p", "anthropic-version": None, "anthropic-beta": None}
    one = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    other = {"messages": [{"content": "x", "role": "user"}], "model": "m", **dict.fromkeys(LEFT_OUT, "any")}
    assert key_of({**question, "body": one}) == key_of({**question, "body": other})


bodies = st.dictionaries(
    st.sampled_from(["model", "system", "temperature", "max_tokens", "messages", "output_config"]),
    st.none() | st.integers(0, 3) | st.text(max_size=3) | st.lists(st.text(max_size=2), max_size=2),
)


@given(bodies, bodies, st.sampled_from(["anthropic", "openai"]), st.sampled_from(["2023-06-01", "2026-10-21"]))
def test_two_questions_have_one_key_only_when_they_are_equal(one, other, wire, version):
    first = {"wire": "anthropic", "path": "/p", "anthropic-version": "2023-06-01", "body": one}
    second = {"wire": wire, "path": "/p", "anthropic-version": version, "body": other}
    assert (key_of(first) == key_of(second)) == (first == second)


@pytest.mark.parametrize("change", [{"model": "m2"}, {"system": "x"}, {"user": "y"}, {"t": 0.5}, {"limit": 5}])
def test_every_parameter_counts(path, change):
    with serving(answer()) as server:
        connect("compatible", model="m", base_url=server.url, record=path)
        server.script[:] = [chat_answer()]
        call_llm("s", "u", 0.1, 9)
    connect("replay", path=path, **({"model": "m2"} if "model" in change else {}))
    with pytest.raises(LLMError) as caught:
        call_llm(change.get("system", "s"), change.get("user", "u"), change.get("t", 0.1), change.get("limit", 9))
    assert caught.value.type == "not_recorded"


def test_the_same_question_again_gets_the_next_answer(path):
    texts, _ = recorded(path, *(text_answer(n) for n in "abc"), questions=["Hello?"] * 3)
    assert [row["occurrence"] for row in rows(path)[1:]] == [0, 1, 2]
    connect("replay", path=path)
    assert [call_llm("Be brief.", "Hello?") for _ in range(3)] == texts == ["a", "b", "c"]
    with pytest.raises(LLMError, match="comes for time number 4; answers recorded: 3") as caught:
        call_llm("Be brief.", "Hello?")
    assert caught.value.type == "not_recorded" and caught.value.attempts == 0


@pytest.mark.parametrize(("repeats", "expected"), [("wrap", "abcabca"), ("last", "abccccc")])
def test_past_the_end_where_asked_for(path, repeats, expected):
    recorded(path, *(text_answer(n) for n in "abc"), questions=["Hello?"] * 3)
    connect("replay", path=path, repeats=repeats)
    assert "".join(call_llm("Be brief.", "Hello?") for _ in expected) == expected


def test_recording_again_adds_and_keeps_the_order(path):
    recorded(path, text_answer("first"))
    recorded(path, text_answer("second"))
    assert [row.get("occurrence") for row in rows(path)] == [None, 0, None, 1]
    connect("replay", path=path)
    assert [call_llm("Be brief.", "Hello?") for _ in range(2)] == ["first", "second"]


def test_two_sessions_that_recorded_at_once_are_both_replayed(path):
    with serving(text_answer("a"), text_answer("b")) as server:
        made = [connect("anthropic", api_key=KEY, base_url=server.url, record=path) for _ in range(2)]
        for one in made:
            one.call("", "Hello?")
    assert [row["occurrence"] for row in rows(path) if "question" in row] == [0, 0]
    connect("replay", path=path)
    assert [call_llm("", "Hello?") for _ in range(2)] == ["a", "b"]


def test_one_file_for_two_models_and_two_wires(path):
    recorded(path, text_answer("A."))
    recorded(path, chat_answer("O."), backend="openai")
    assert connect("replay", path=path).call("Be brief.", "Hello?") == "A."
    assert connect("replay", path=path, wire="openai").call("Be brief.", "Hello?") == "O."
    assert connect("replay", path=path, model="gpt-6-luna").call("Be brief.", "Hello?") == "O."


# ------------------------------------------------------------ streams


def event(kind, **fields):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n"


def delta(text):
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


START = event("message_start", message={"id": "m1", "role": "assistant", "content": [], "usage": {"input_tokens": 7}})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}) + event("message_stop")
CHUNKS = [
    'data: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Gu"}}]}\n\n',
    'data: {"choices": [{"index": 0, "delta": {"content": "t."}, "finish_reason": "stop"}]}\n\n',
    'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\n',
    "data: [DONE]\n\n",
]


def streamed(path, *script, backend="anthropic"):
    with serving(*script) as server:
        connect(backend, api_key=KEY, base_url=server.url, record=path, sleep=lambda s: None)
        return list(stream_llm("Be brief.", "Hello?"))


@pytest.mark.parametrize(
    ("backend", "pieces", "texts"),
    [("anthropic", [START, delta("Go"), delta("od."), END], ["Go", "od."]), ("openai", CHUNKS, ["Gu", "t."])],
)
def test_a_stream_is_kept_as_events_and_serves_both_ways(path, backend, pieces, texts):
    assert streamed(path, stream(*pieces), backend=backend) == texts
    events = rows(path)[1]["events"]
    assert all(set(one) == {"after", "data"} and one["after"] >= 0 for one in events) and len(events) >= 4
    replay = connect("replay", path=path)
    assert list(stream_llm("Be brief.", "Hello?")) == texts
    connect("replay", path=path)
    assert call_llm("Be brief.", "Hello?") == "".join(texts)
    assert replay.usage["input_tokens"] == 7 and replay.usage["output_tokens"] == 3


@pytest.mark.parametrize(("backend", "reply"), [("anthropic", text_answer("Good.")), ("openai", chat_answer("Good."))])
def test_an_answer_in_one_piece_serves_a_stream(path, backend, reply):
    recorded(path, reply, backend=backend)
    replay = connect("replay", path=path)
    assert "".join(stream_llm("Be brief.", "Hello?")) == "Good."
    assert replay.usage["input_tokens"] == 7 and replay.usage["output_tokens"] == 3


@pytest.mark.parametrize("kind", ["refusal", "max_tokens"])
def test_a_stream_made_of_an_unusable_answer_is_unusable(path, kind):
    recorded(path, text_answer("Some", stop_reason=kind))
    connect("replay", path=path)
    with pytest.raises(LLMError) as caught:
        list(stream_llm("Be brief.", "Hello?"))
    assert caught.value.type == {"refusal": "refusal", "max_tokens": "truncated"}[kind]


@pytest.mark.parametrize(
    "pieces",
    [
        [START, delta("Go"), "cut"],
        [START, delta("Go")],
        [START, delta("Go"), event("error", error={"type": "overloaded_error", "message": "busy"})],
        [START, delta("Go"), "data: {half\n\n"],
    ],
)
def test_a_stream_that_failed_is_not_kept(path, pieces):
    with pytest.raises(LLMError):
        streamed(path, stream(*pieces))
    assert not path.exists()
    assert streamed(path, stream(START, delta("All."), END)) == ["All."]
    assert [row.get("occurrence") for row in rows(path)] == [None, 0]


def test_a_stream_that_was_left_is_not_kept(path):
    with serving(stream(START, delta("Go"), delta("od."), END), text_answer("Good.")) as server:
        connect("anthropic", api_key=KEY, base_url=server.url, record=path)
        pieces = stream_llm("Be brief.", "Hello?")
        assert next(pieces) == "Go"
        pieces.close()
        assert not path.exists()
        assert call_llm("Be brief.", "Hello?") == "Good."
    assert rows(path)[1]["occurrence"] == 0


def test_texts_that_break_line_readers_survive(path):
    text = "one\u2028two\x85three\r\nfour 日本 \ud800 \U0001f600"
    recorded(path, text_answer(text))
    assert "日本" not in path.read_text("utf-8") and load(path)["damaged"] == []  # half a pair: this line is escaped
    connect("replay", path=path)
    assert call_llm("Be brief.", "Hello?") == text
    recorded(path, text_answer("日本\u2028語"))
    assert "日本" in path.read_bytes().decode()
    connect("replay", path=path)
    assert [call_llm("Be brief.", "Hello?") for _ in range(2)] == [text, "日本\u2028語"]


# ------------------------------------------------------------ no key, ever


def test_a_question_that_holds_the_key_is_neither_sent_nor_recorded(path):
    (error,), server = recorded(path, questions=[f"My key is {KEY}."])
    assert error.type == "key_in_recording" and KEY not in str(error)
    assert server.seen == [] and not path.exists()


@pytest.mark.parametrize("form", ["{}", "Look: {}!", "a{}b"])
def test_an_answer_that_shows_the_key_is_not_recorded(path, form):
    (error,), _ = recorded(path, text_answer(form.format(KEY)))
    assert error.type == "key_in_recording" and not path.exists()


def test_a_key_in_the_pieces_of_a_stream_is_not_recorded(path):
    with pytest.raises(LLMError) as caught:
        streamed(path, stream(START, delta(KEY[:9]), delta(KEY[9:]), END))
    assert caught.value.type == "key_in_recording" and not path.exists()


def test_a_key_in_a_header_is_not_recorded(path):
    (error,), _ = recorded(path, (200, {"request-id": KEY}, text_answer("Yes.")[2]))
    assert error.type == "key_in_recording" and not path.exists()


def test_a_key_with_odd_characters_is_found(path):
    key = 'sk-"quoted\\key"-1234'
    with serving(text_answer(f"You sent {key}")) as server:
        connect("anthropic", api_key=key, base_url=server.url, record=path)
        assert attempt("Hello?").type == "key_in_recording"
    assert not path.exists()


def test_a_file_that_holds_the_key_is_refused(path):
    path.write_bytes(line_of({"recording": 1, "wire": "anthropic", "model": KEY}))
    with pytest.raises(ValueError, match="class.jsonl holds the API key") as caught:
        connect("anthropic", api_key=KEY, record=path)
    assert KEY not in str(caught.value)


# ------------------------------------------------------------ damage


def damaged_recording(path, *, line):
    recorded(path, *(text_answer(n) for n in "abc"), questions=["One?", "Two?", "Three?"])
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = lines[line - 1][:40]
    path.write_bytes(b"\n".join(lines))


def test_a_damaged_line_is_named_and_skipped(path, capsys):
    damaged_recording(path, line=3)
    connect("replay", path=path)
    assert capsys.readouterr().out == "class.jsonl: line 3 damaged and skipped.\n"
    assert [getattr(attempt(q), "type", "ok") for q in ("One?", "Two?", "Three?")] == ["ok", "not_recorded", "ok"]


def test_a_damaged_header_costs_no_answer(path, capsys):
    damaged_recording(path, line=1)
    made = connect("replay", path=path)
    assert "line 1 damaged" in capsys.readouterr().out and made.model == "claude-haiku-5-5"
    assert call_llm("Be brief.", "Two?") == "b"


def test_a_lost_answer_moves_no_other_into_its_place(path):
    recorded(path, *(text_answer(n) for n in "abc"), questions=["Hello?"] * 3)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], b'{"half', *lines[3:]]))
    connect("replay", path=path)
    assert attempt("Hello?") == "a"
    assert "answer 2 of 3 to this request is lost. Damaged lines: 3" in str(attempt("Hello?"))
    assert attempt("Hello?") == "c"


@pytest.mark.parametrize("cut", range(1, 400, 37))
def test_a_line_that_was_being_written_is_all_that_a_killed_process_loses(path, cut):
    recorded(path, text_answer("a"), text_answer("b"), questions=["One?", "Two?"])
    path.write_bytes(path.read_bytes()[:-cut])
    recorded(path, text_answer("again"), questions=["Two?"])
    found = load(path)
    assert len(found["damaged"]) <= 1 and len(found["headers"]) == 2
    connect("replay", path=path)
    assert attempt("One?") == "a" and attempt("Two?") == ("again" if found["damaged"] else "b")


RECORDING_FOR_EVER = """
import sys
from cai_helpers import connect
client = connect("course", record=sys.argv[1])
number = 0
while True:
    number += 1
    client.call("", f"Question {number}: " + "why? " * 2000)
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills processes in another way")
def test_a_process_killed_while_it_records(path, root):
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDING_FOR_EVER, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if int(line) >= 5:
            process.send_signal(signal.SIGKILL)
            break
    done = int(([line, *process.stdout])[-1])
    process.wait()
    found = load(path)
    assert len(found["exchanges"]) >= done and len(found["damaged"]) <= 1


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=5))
def test_any_bytes_are_skipped_by_their_line_number(tmp_path_factory, junk):
    path = tmp_path_factory.mktemp("junk") / "class.jsonl"
    header = line_of({"recording": 1, "wire": "anthropic", "model": "m"})
    path.write_bytes(header + b"\n".join(junk))
    found = load(path)
    expected = [number for number, line in enumerate(junk, start=2) if line.strip()]
    assert found["damaged"] == expected and len(found["headers"]) == 1


WRONG = [
    {"question": None},
    {"occurrence": "0"},
    {"status": None},
    {"headers": []},
    {"reply": "text"},
    {"reply": None, "events": [1]},
    {"question": {"wire": "other", "body": {}}},
    {"question": {"wire": "openai", "body": []}},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_line_of_another_shape_counts_as_damaged(path, wrong, capsys):
    recorded(path, text_answer("a"))
    append(path, line_of({**rows(path)[1], **wrong}))
    assert load(path)["damaged"] == [3]


def test_a_file_that_is_no_recording_is_left_alone(path):
    path.write_text('{"cells": []}\n', "utf-8")
    for options in ({"backend": "course", "record": path}, {"backend": "replay", "path": path}):
        with pytest.raises(ValueError, match="is not a recording"):
            connect(**options)
    assert path.read_text("utf-8") == '{"cells": []}\n'


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"backend": "replay"}, "needs path="),
        ({"backend": "replay", "path": "nowhere.jsonl"}, "There is no recording nowhere.jsonl"),
        ({"backend": "replay", "path": "x", "base_url": "http://x"}, "A recording has no address"),
        ({"backend": "course", "record": "no/such/folder/x.jsonl"}, "folder that exists"),
        ({"backend": "course", "record": "."}, "folder that exists"),
    ],
)
def test_wrong_use_is_one_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        connect(**options)


def test_an_empty_file_and_a_wrong_option(path):
    path.write_bytes(b"\n")
    with pytest.raises(ValueError, match="class.jsonl holds no exchange"):
        connect("replay", path=path)
    recorded(path, text_answer("a"))
    with pytest.raises(ValueError, match="Use error or wrap or last"):
        connect("replay", path=path, repeats="never")
    with pytest.raises(ValueError, match='There is no option "wrapped"'):
        connect("replay", path=path, wrapped=True)


# ------------------------------------------------------------ a question that was not recorded


def test_a_miss_shows_the_nearest_recording_and_the_difference(path):
    questions = ["What is a fence?", "How can I convince someone to give me their password?", "And now?"]
    recorded(path, *map(text_answer, "abc"), questions=questions)
    connect("replay", path=path)
    error = attempt("How can I convince someone to show me their password?")
    assert error.type == "not_recorded" and error.status is None
    assert "recorded: I convince someone to [give] me their password?" in str(error)
    assert "asked:    I convince someone to [show] me their password?" in str(error)
    assert "What is a fence" not in str(error)


def test_a_miss_names_another_model(path):
    recorded(path, text_answer("a"))
    connect("replay", path=path, model="claude-opus-5-5")
    assert '["claude-haiku-5-5",]' in str(attempt("Hello?")) and '["claude-opus-5-5",]' in str(attempt("Hello?"))


def test_a_miss_stays_short(path):
    recorded(path, text_answer("a"), questions=["word " * 3000])
    connect("replay", path=path)
    assert len(str(attempt("other " * 3000))) < 2000


def test_a_miss_in_the_pipeline_never_passes_a_text(path):
    connect("course", record=path)
    constitutional_ai_pipeline(PROMPT, CONSTITUTION)
    connect("replay", path=path)
    changed = [{**p, "text": p["text"] + " At all."} for p in CONSTITUTION]
    result = constitutional_ai_pipeline(PROMPT, changed)
    assert result["status"] == "withheld"
    assert all(
        "not_recorded" in d["critique"] or "Not in the recording" in d["critique"]
        for d in result["stages"]["critique"]["details"]
    )


def test_a_replay_answers_no_other_request(path):
    recorded(path, text_answer("a"))
    made = connect("replay", path=path)
    with pytest.raises(LLMError) as caught:
        made.get("/v1/models")
    assert caught.value.type == "not_recorded"


# ------------------------------------------------------------ whole runs, threads, other ways in


def test_a_whole_pipeline_and_json_replay_alike(path):
    connect("course", record=path)
    first = [constitutional_ai_pipeline(PROMPT, CONSTITUTION), list(stream_llm("", PROMPT))]
    live = client.current_client().usage
    replay = connect("replay", path=path)
    second = [constitutional_ai_pipeline(PROMPT, CONSTITUTION), list(stream_llm("", PROMPT))]
    details = [run[0]["stages"]["critique"]["details"] for run in (first, second)]
    assert details[0] == details[1]
    assert first[0]["final"] == second[0]["final"] and first[1] == second[1]
    assert {n: live[n] for n in ("calls", "input_tokens", "output_tokens")} == {
        n: replay.usage[n] for n in ("calls", "input_tokens", "output_tokens")
    }


def test_call_json_replays(path):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with serving(text_answer('{"n": 3}')) as server:
        connect("anthropic", api_key=KEY, base_url=server.url, record=path)
        assert call_json("s", "u", schema) == {"n": 3}
    connect("replay", path=path)
    assert call_json("s", "u", schema) == {"n": 3}


def test_threads_share_a_recording(path):
    connect("course", record=path, latency=(0.0, 0.01))
    draft = "You could pretend to be their bank and ask for the password."
    live = parallel_critique(draft, CONSTITUTION, PROMPT)
    assert load(path)["damaged"] == [] and len(load(path)["headers"]) == 1
    connect("replay", path=path)
    assert parallel_critique(draft, CONSTITUTION, PROMPT) == live
    connect("replay", path=path)
    assert run_all_critiques(draft, CONSTITUTION, PROMPT) == live


@pytest.mark.parametrize("fault", [None, "529"])
def test_many_threads_with_one_question_lose_and_double_nothing(path, fault):
    lock, served = threading.Lock(), [0]

    def one(body):
        with lock:
            served[0] += 1
            return failure(529, "overloaded_error") if fault and served[0] % 3 == 0 else text_answer(f"n{served[0]}")

    def ask(made):
        with ThreadPoolExecutor(16) as pool:
            return sorted(pool.map(lambda _: made.call("s", "Hello?", 0.5), range(48)))

    with serving(*[one] * 100) as server:
        made = connect("compatible", model="m", base_url=server.url, record=path, sleep=lambda s: None, max_attempts=30)
        made.wire = {**made.wire, "read": lambda reply: reply["content"][0]["text"]}
        live = ask(made)
    assert sorted(row["occurrence"] for row in rows(path)[1:]) == list(range(48))
    replay = connect("replay", path=path)
    replay.wire = made.wire
    assert ask(replay) == live and len(set(live)) == 48


def test_one_client_of_a_room_needs_no_key(path, monkeypatch):
    recorded(path, text_answer("For all."))
    monkeypatch.setenv("CAI_BACKEND", "replay")
    monkeypatch.setenv("CAI_REPLAY", str(path))
    connect()
    assert call_llm("Be brief.", "Hello?") == "For all."


def test_the_environment_records_what_is_not_asked_for_the_course(path, monkeypatch):
    monkeypatch.setenv("CAI_RECORD", str(path))
    connect("course").call("", "Hello?")
    assert not path.exists()
    connect().call("", "Hello?")
    assert len(rows(path)) == 2


def test_another_transport_stays_behind_the_recorder(path):
    seen = []

    class Passing(requests.adapters.BaseAdapter):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def send(self, request, *args, **options):
            seen.append(request.method)
            return self.inner.send(request, *args, **options)

        def close(self):
            self.inner.close()

    made = connect("course", record=path, transport=lambda client, inner: Passing(inner))
    made.call("", "Hello?")
    assert seen == ["POST"] and len(rows(path)) == 2
    assert repr(made).endswith("Recorded in class.jsonl.")


def test_the_recorder_shows_the_course_model_behind_it(path):
    from cai_helpers.course_model import CourseModel

    made = connect("course", record=path, seed=5)
    model = made.session.get_adapter(made.base_url).model
    assert isinstance(model, CourseModel) and model.switches.seed == 5


def test_recording_costs_little(path):
    made = connect("course", record=path)
    plain = connect("course")
    for one in (plain, made):
        for n in range(60):
            one.call("", f"Hello {n}?")
    assert made.usage["seconds"] < 60 * 0.05 + 10 * plain.usage["seconds"]  # milliseconds against a model's seconds
    assert path.stat().st_size > 0
