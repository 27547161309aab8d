"""Two wire formats, one client: bodies, replies, the table of faults on both, and what a refused parameter teaches."""

from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import answer, chat_answer, chat_failure, failure, serving

from cai_helpers import LLMError, call_llm, client, connect
from cai_helpers.client import build_payload
from cai_helpers.errors import BY_STATUS
from cai_helpers.wire import BACKENDS, FAMILIES, WIRES, build_chat, read_chat, read_usage, takes

KEY = "sk-test-4f9a77c1e2b35d60"
OLD = "claude-opus-4-6"  # a model that still takes a temperature


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


def talk(backend, *script, temperature=None, models=None, calls=1, **options):
    """Calls against the script: the last text or LLMError, the waits, the server, the client."""
    waits = []
    with serving(*script, models=models) as server:
        made = connect(backend, api_key=KEY, base_url=server.url, sleep=waits.append, **options)
        for _ in range(calls):
            try:
                result = call_llm("Be brief.", "Hello?", temperature)
            except LLMError as error:
                result = error
    return result, waits, server, made


# ------------------------------------------------------------ bodies and replies


def test_the_two_bodies_of_one_question():
    question = ("m", "Be brief.", "Hello?", 0.5, 9)
    shared = {"model": "m", "max_tokens": 9, "temperature": 0.5}
    turn = {"role": "user", "content": "Hello?"}
    assert build_payload(*question) == {**shared, "system": "Be brief.", "messages": [turn]}
    assert build_chat(*question) == {**shared, "messages": [{"role": "system", "content": "Be brief."}, turn]}


@given(st.text(), st.text(), st.floats(0, 1) | st.none())
def test_a_chat_body_is_json_and_holds_what_was_given(system, user, temperature):
    body = json.loads(json.dumps(build_chat("m", system, user, temperature)))
    said = {turn["role"]: turn["content"] for turn in body["messages"]}
    assert (said.get("system", ""), said["user"], body.get("temperature")) == (system, user, temperature)


def test_what_goes_over_the_openai_wire():
    text, _, server, made = talk("openai", chat_answer())
    request = server.seen[0]
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert text == "Hello." and request["path"] == "/v1/chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in headers and "anthropic-version" not in headers
    assert request["body"] == {
        "model": "gpt-6-luna",
        "max_completion_tokens": 4096,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
    }
    assert made.usage["input_tokens"] == 7 and made.usage["output_tokens"] == 3
    assert made.trace[0]["headers"] == {"authorization": "[hidden]"} and made.trace[0]["note"] == ""


def choice(message, finish_reason="stop"):
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (choice({"content": None, "refusal": "I cannot."}), "refusal"),
        (choice({"content": "Some"}, "content_filter"), "refusal"),
        (choice({"content": "Some"}, "length"), "truncated"),
        (choice({"content": ""}), "empty"),
        (choice({"content": None}), "empty"),
        (choice("text"), "empty"),
        (choice({"content": {"text": "no list"}}), "empty"),
        ({"choices": []}, "empty"),
        ({"choices": [None]}, "empty"),
        ({}, "empty"),
        ({"error": {"message": "in a 200"}}, "empty"),
    ],
)
def test_a_chat_reply_that_cannot_be_used(reply, kind):
    with pytest.raises(LLMError) as caught:
        read_chat(reply)
    assert caught.value.type == kind


def test_a_chat_reply_in_parts_is_joined():
    parts = [{"type": "text", "text": "One, "}, {"type": "text", "text": "two."}, 3]
    assert read_chat(choice({"content": parts}, None)) == "One, two."


def test_usage_on_both_wires_counts_the_cache_as_input():
    assert read_usage({"usage": {"prompt_tokens": 5, "completion_tokens": 2}}) == {
        "input_tokens": 5,
        "output_tokens": 2,
    }
    cached = {"input_tokens": 1, "cache_creation_input_tokens": 2, "cache_read_input_tokens": None, "output_tokens": 4}
    assert read_usage({"usage": cached}) == {"input_tokens": 3, "output_tokens": 4}
    for nothing in ({}, {"usage": None}, {"usage": "many"}, {"usage": {"input_tokens": "7"}}):
        assert read_usage(nothing) == {"input_tokens": 0, "output_tokens": 0}


# ------------------------------------------------------------ the table of faults (wire_format, section 5.2)

FIRST, SECOND = (0.375, 0.5), (0.75, 1.0)  # seconds: 0.5 and 1, less up to a quarter


def script_of(backend, *faults):
    """The faults in the vendor's own form, then an answer."""
    made = []
    for fault in faults:
        if isinstance(fault, int) or (isinstance(fault, tuple) and isinstance(fault[1], dict)):
            status, headers = fault if isinstance(fault, tuple) else (fault, {})
            one = failure(status, BY_STATUS.get(status, "api_error"), headers=headers)
            made.append(one if backend == "anthropic" else chat_failure(status, None, headers=headers))
        elif fault == "spend":
            one = failure(429, "rate_limit_error", error_code="enforced_spend_limit_reached")
            made.append(one if backend == "anthropic" else chat_failure(429, "insufficient_quota"))
        elif fault == "html":
            made.append((502, {"content-type": "text/html"}, "<html>Bad gateway</html>"))
        elif fault == "bad JSON":
            made.append((200, {}, '{"content": [{"type": "te'))
        else:
            made.append(fault)
    return [*made, answer() if backend == "anthropic" else chat_answer()]


# fault: (script, ends well, attempts, waits)
TABLE = {
    "none": ([], True, 1, []),
    "429, retry-after 1": ([(429, {"retry-after": "1"})], True, 2, [(1, 1)]),
    "429, no header": ([429], True, 2, [FIRST]),
    "529, retry-after-ms 200": ([(529, {"retry-after-ms": "200"})], True, 2, [(0.2, 0.2)]),
    "529 twice": ([529, 529], True, 3, [FIRST, SECOND]),
    "529 three times": ([529, 529, 529], False, 3, [FIRST, SECOND]),
    "500": ([500], True, 2, [FIRST]),
    "409": ([409], True, 2, [FIRST]),
    "502 with HTML": (["html"], True, 2, [FIRST]),
    "dropped connection": (["cut"], True, 2, [FIRST]),
    "timeout": ([("slow", 0.3)], True, 2, [FIRST]),
    "200, bad JSON": (["bad JSON"], True, 2, [FIRST]),
    "400": ([400], False, 1, []),
    "401": ([401], False, 1, []),
    "500, x-should-retry: false": ([(500, {"x-should-retry": "false"})], False, 1, []),
    "429, retry-after 3600": ([(429, {"retry-after": "3600"})], False, 1, []),
    "429 spend limit": (["spend"], False, 1, []),
}


@pytest.mark.parametrize("backend", ["anthropic", "openai"])
@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_faults(name, backend):
    faults, ends_well, attempts, expected = TABLE[name]
    result, waits, server, made = talk(backend, *script_of(backend, *faults), timeout=(1, 0.1))
    assert (result == "Hello.") is ends_well, result
    assert len(server.seen) == made.usage["calls"] == attempts
    assert len(waits) == len(expected)
    for waited, (low, high) in zip(waits, expected, strict=True):
        assert low <= waited <= high
    if not ends_well:
        kind = BY_STATUS.get(result.status, "api_error")
        assert isinstance(result, LLMError) and (result.attempts, result.type) == (attempts, kind)
        assert result.request_id == "req_1" and "req_1" in str(result)


@pytest.mark.parametrize(
    ("entry", "kind", "words"),
    [
        (chat_failure(401, "invalid_api_key", "Incorrect API key"), "authentication_error", "API key"),
        (chat_failure(404, "model_not_found", "no such model"), "not_found_error", "retired"),
        (chat_failure(429, "insufficient_quota", "You exceeded"), "rate_limit_error", "spending limit"),
        (chat_failure(400, None, "bad body"), "invalid_request_error", "bad body"),
        ((404, {}, {"error": 'model "m" not found'}), "not_found_error", 'model "m" not found'),  # Ollama
        ((400, {}, {"object": "error", "message": "too long", "code": 400}), "invalid_request_error", "too long"),
        ((404, {}, {"detail": "Not Found"}), "http_error", "Not Found"),  # FastAPI: a wrong address
        ((400, {}, {"error": {"message": 3, "type": [], "code": {}, "param": 1}}), "invalid_request_error", "change"),
        ((418, {}, [1]), "http_error", "base_url"),
    ],
)
def test_errors_of_other_servers_have_the_same_types(entry, kind, words):
    status, headers, body = entry
    error, *_ = talk("openai", (status, headers, json.dumps(body)))
    assert (error.type, error.status) == (kind, status) and words in str(error)


def test_the_key_is_nowhere_on_the_openai_wire():
    echo = chat_failure(401, "invalid_api_key", f"Incorrect API key provided: {KEY}", headers={"x-note": KEY})
    error, _, _, made = talk("openai", (200, {}, f"not JSON, {KEY}"), echo)
    shown = [repr(made), str(list(made.trace)), repr(vars(made)), str(error), repr(vars(error))]
    assert KEY not in "".join(shown) and "[hidden]" in str(error)


@pytest.mark.parametrize("length", [970, 990, 999, 1980, 1990, 1999])
def test_a_key_where_a_long_text_is_cut_is_hidden_too(length):
    for entry in ((500, {}, "x" * length + KEY), chat_failure(400, None, "x" * length + KEY)):
        error, _, _, made = talk("openai", entry, max_attempts=1)
        assert KEY[:6] not in str(error) + error.said + str(list(made.trace))


# ------------------------------------------------------------ what a model takes


@pytest.mark.parametrize(
    ("model", "temperature", "schema", "limit"),
    [
        ("claude-haiku-5-5", False, True, "max_tokens"),
        ("claude-opus-4-8", False, True, "max_tokens"),
        ("claude-opus-4-10", False, True, "max_tokens"),
        ("claude-fable-6", False, True, "max_tokens"),
        ("us.anthropic.claude-sonnet-5-5-v1:0", False, True, "max_tokens"),
        ("claude-sonnet-4-6", True, True, "max_tokens"),
        ("claude-sonnet-4-20250514", True, False, "max_tokens"),
        ("claude-3-5-haiku-20241022", True, False, "max_tokens"),
        ("gpt-6-luna", False, True, "max_completion_tokens"),
        ("gpt-6.1-sol", False, True, "max_completion_tokens"),
        ("o4-mini", False, True, "max_completion_tokens"),
        ("gpt-4o-mini", True, True, "max_completion_tokens"),
        ("openai/gpt-4.1", True, True, "max_completion_tokens"),
        ("gpt-oss:20b", True, None, "max_tokens"),
        ("course-model-1", True, True, "max_tokens"),
        ("llama3.2:1b", True, None, "max_tokens"),
        ("", True, None, "max_tokens"),
    ],
)
def test_the_families(model, temperature, schema, limit):
    assert takes(model) == {"temperature": temperature, "schema": schema, "limit": limit}


def test_the_tables_are_whole():
    assert FAMILIES[-1][0] == ""  # every name finds a row
    assert {row["wire"] for row in BACKENDS.values()} == set(WIRES)
    assert takes(BACKENDS["anthropic"]["model"])["temperature"] is False


@pytest.mark.parametrize(
    ("model", "version"), [("claude-haiku-5-5", "2026-10-21"), (OLD, "2023-06-01"), ("course-model-1", "2023-06-01")]
)
def test_the_api_version_follows_the_model(model, version):
    made = connect("anthropic", api_key=KEY, model=model)
    assert made.headers["anthropic-version"] == version


@pytest.mark.parametrize(("model", "sent"), [("gpt-6-luna", False), ("gpt-4o", True), ("llama3", True)])
def test_temperature_on_the_openai_wire(model, sent):
    _, _, server, made = talk("openai", chat_answer(), temperature=0.2, model=model)
    assert ("temperature" in server.seen[0]["body"]) is sent
    assert ("temperature left out" in made.trace[0]["note"]) is not sent


# ------------------------------------------------------------ healing

LIMIT = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
VALUE = "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported"
EXTRA = [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted"}]

HEALS = {
    "Claude 4.7 and later": ("anthropic", OLD, failure(400, "invalid_request_error", "`temperature` is deprecated.")),
    "API version 2026-10-21": (
        "anthropic",
        OLD,
        failure(400, "invalid_request_error", "temperature: Extra inputs are not permitted"),
    ),
    "OpenAI, a value": ("openai", "gpt-4o", chat_failure(400, "unsupported_value", VALUE, "temperature")),
    "without param and code": ("openai", "gpt-4o", chat_failure(400, None, VALUE)),
}


@pytest.mark.parametrize("name", HEALS)
def test_a_refused_temperature_is_left_out_from_then_on(name):
    backend, model, refusal = HEALS[name]
    good = answer() if backend == "anthropic" else chat_answer()
    text, waits, server, made = talk(backend, refusal, good, good, temperature=0.2, model=model, calls=2)
    assert text == "Hello." and waits == []
    assert ["temperature" in request["body"] for request in server.seen] == [True, False, False]
    assert [exchange["note"] for exchange in made.trace] == ["", *["temperature left out: the server refused it"] * 2]
    assert connect(backend, api_key=KEY, model=model).refused == {}  # it is remembered for that client only


@pytest.mark.parametrize(
    ("model", "refusal", "before", "after"),
    [
        (
            "llama3",
            chat_failure(400, "unsupported_parameter", LIMIT, "max_tokens"),
            "max_tokens",
            "max_completion_tokens",
        ),
        ("llama3", chat_failure(400, None, LIMIT), "max_tokens", "max_completion_tokens"),
        ("gpt-6-luna", (422, {}, {"detail": EXTRA}), "max_completion_tokens", "max_tokens"),
    ],
)
def test_the_limit_has_two_names(model, refusal, before, after):
    text, _, server, made = talk("compatible", refusal, chat_answer(), model=model)
    first, second = (request["body"] for request in server.seen)
    assert text == "Hello." and first[before] == second[after] == 4096
    assert after not in first and before not in second
    assert made.trace[1]["note"] == f"{before} sent as {after}: the server refused {before}"


def test_two_refused_parameters_are_both_healed_and_counted():
    script = [chat_failure(400, None, VALUE), chat_failure(400, None, LIMIT), chat_failure(400, None, "bad")]
    error, _, server, made = talk("compatible", *script, model="llama3", temperature=0.2)
    assert (error.attempts, len(server.seen)) == (3, 3)
    assert made.refused == {"temperature": "", "max_tokens": "max_completion_tokens"}


NOT_HEALED = {
    "a value out of range": (OLD, "temperature: range: 0..1"),
    "a limit that is too high": (OLD, "max_tokens: 4096 > 1024, which is the maximum allowed number of output tokens"),
    "another parameter": (OLD, "thinking: type disabled is not supported by this model"),
    "a field that the format needs": (OLD, "max_tokens is not supported with this model"),
    "prefill": (OLD, "This model does not support assistant message prefill."),
}


@pytest.mark.parametrize("name", NOT_HEALED)
def test_other_refusals_stay_errors(name):
    model, message = NOT_HEALED[name]
    refusal = failure(400, "invalid_request_error", message)
    error, _, server, made = talk("anthropic", refusal, model=model, temperature=0.2)
    assert error.type == "invalid_request_error" and message in str(error)
    assert len(server.seen) == 1 and made.refused == {}


@pytest.mark.parametrize("backend", ["anthropic", "compatible"])
def test_a_server_that_refuses_for_ever_is_asked_once_per_name(backend):
    message = "`temperature` is deprecated. 'max_tokens' and 'max_completion_tokens' are not supported."
    refusal = failure(400, "invalid_request_error", message)
    error, _, server, _ = talk(backend, *[refusal] * 9, model="m-1", temperature=0.2)
    assert error.attempts == len(server.seen) == {"anthropic": 2, "compatible": 3}[backend]


def test_threads_that_meet_the_refusal_together_all_recover():
    texts = []

    def strict(body):
        return chat_failure(400, None, VALUE) if "temperature" in body else chat_answer()

    with serving(*[strict] * 8) as server:
        made = connect("openai", model="gpt-4o", api_key=KEY, base_url=server.url)
        gate, post = threading.Barrier(4), made.post

        def together(*arguments):
            if not made.refused:
                gate.wait(5)
            return post(*arguments)

        made.post = together
        threads = [threading.Thread(target=lambda: texts.append(made.call("", "Hello?", 0.2))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert texts == ["Hello."] * 4 and len(server.seen) == 8


def test_the_course_model_answers_on_both_wires():
    texts = []
    for wire in WIRES:
        made = connect("course", wire=wire)
        texts.append(call_llm("You are a helpful assistant.", "Write a haiku about autumn."))
        assert made.usage["input_tokens"] > 0 and "not a language model" in repr(made)
    assert texts[0] == texts[1]
