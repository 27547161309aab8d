"""The client against a real server that misbehaves by script: what is retried, how long it waits, what it says."""

from __future__ import annotations

import json
import traceback
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import answer, failure, serving

from cai_helpers import LLMError, call_llm, client, connect, connection
from cai_helpers.client import asked_wait, build_payload, read_text, seconds_to_wait

KEY = "sk-test-4f9a77c1e2b35d60"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("CAI_BACKEND", "CAI_MODEL", "CAI_BASE_URL", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_current", None)


def talk(*script, **options):
    """One call against the script: the text or the LLMError, the waits, the server."""
    waits = []
    with serving(*script) as server:
        made = connect("anthropic", api_key=KEY, base_url=server.url, sleep=waits.append, **options)
        try:
            result = call_llm("Be brief.", "Hello?")
        except LLMError as error:
            result = error
    return result, waits, server, made


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


OVERLOADED = failure(529, "overloaded_error")
LIMITED = failure(429, "rate_limit_error")
BACKOFF_1, BACKOFF_2 = (0.375, 0.5), (0.75, 1.0)  # seconds: 0.5 and 1, less up to a quarter

RECOVERS = {
    "no fault": ([], []),
    "429 with retry-after": ([failure(429, "rate_limit_error", headers={"retry-after": "1"})], [(1, 1)]),
    "429 without": ([LIMITED], [BACKOFF_1]),
    # made when it is asked for: a date that is fixed on import would be past in a long run
    "429 with a date": (
        [lambda body: failure(429, "rate_limit_error", headers={"retry-after": date_in(110)})],
        [(10, 111)],
    ),
    "429 with a date that has passed": (
        [failure(429, "rate_limit_error", headers={"retry-after": date_in(-30)})],
        [BACKOFF_1],
    ),
    "429 with retry-after 0": ([failure(429, "rate_limit_error", headers={"retry-after": "0"})], [BACKOFF_1]),
    "429 with nonsense": ([failure(429, "rate_limit_error", headers={"retry-after": "soon"})], [BACKOFF_1]),
    "529 with retry-after-ms": ([failure(529, "overloaded_error", headers={"retry-after-ms": "200"})], [(0.2, 0.2)]),
    "both headers: the milliseconds bind": (
        [failure(529, "overloaded_error", headers={"retry-after-ms": "200", "retry-after": "9"})],
        [(0.2, 0.2)],
    ),
    "529 twice": ([OVERLOADED, OVERLOADED], [BACKOFF_1, BACKOFF_2]),
    "500": ([failure(500, "api_error")], [BACKOFF_1]),
    "504": ([failure(504, "timeout_error")], [BACKOFF_1]),
    "408": ([failure(408, "timeout_error")], [BACKOFF_1]),
    "409": ([failure(409, "conflict_error")], [BACKOFF_1]),
    "502 with HTML": ([(502, {}, "<html>Bad gateway</html>")], [BACKOFF_1]),
    "cut connection": (["cut"], [BACKOFF_1]),
    "200 that is not JSON": ([(200, {}, "<html>hello</html>")], [BACKOFF_1]),
    "200 with half a JSON": ([(200, {}, '{"content": [{"type": "te')], [BACKOFF_1]),
    "200 with a JSON list": ([(200, {}, "[1, 2]")], [BACKOFF_1]),
    "400 that may be retried": (
        [failure(400, "invalid_request_error", headers={"x-should-retry": "true"})],
        [BACKOFF_1],
    ),
}


@pytest.mark.parametrize("name", RECOVERS)
def test_recovers(name):
    script, expected = RECOVERS[name]
    text, waits, server, made = talk(*script)
    assert text == "Hello."
    assert len(server.seen) == len(script) + 1 == made.usage["calls"]
    assert len(waits) == len(expected)
    for waited, (low, high) in zip(waits, expected, strict=True):
        assert low <= waited <= high


GIVES_UP = {
    "529 three times": ([OVERLOADED] * 3, 3, "overloaded_error", "Try again"),
    "three cut connections": (["cut"] * 3, 3, "connection", "No connection to"),
    "three times not JSON": ([(200, {}, "<html>")] * 3, 3, "not_json", "not JSON"),
    "400": ([failure(400, "invalid_request_error", "max_tokens: Field required")], 1, "invalid_request_error", "Field"),
    "401": ([failure(401, "authentication_error")], 1, "authentication_error", "refused the API key"),
    "a web page without the header": (
        [
            failure(
                401,
                "authentication_error",
                "CORS requests must set 'anthropic-dangerous-direct-browser-access' header",
            )
        ],
        1,
        "authentication_error",
        "web page",
    ),
    "402": ([failure(402, "billing_error")], 1, "billing_error", "billing"),
    "403": ([failure(403, "permission_error")], 1, "permission_error", "may not"),
    "404": ([failure(404, "not_found_error", "model: claude-x")], 1, "not_found_error", "retired"),
    "413 without JSON": ([(413, {}, "too big")], 1, "http_error", "not the API's"),
    "500 that must not be retried": (
        [failure(500, "api_error", headers={"x-should-retry": "false"})],
        1,
        "api_error",
        "failed",
    ),
    "429 that asks for an hour": (
        [failure(429, "rate_limit_error", headers={"retry-after": "3600"})],
        1,
        "rate_limit_error",
        "3600 s",
    ),
    "spend limit": (
        [failure(429, "rate_limit_error", error_code="enforced_spend_limit_reached")],
        1,
        "rate_limit_error",
        "spending limit",
    ),
    "contract spend limit, although the server says retry": (
        [
            failure(
                429, "rate_limit_error", headers={"x-should-retry": "true"}, error_code="contract_spend_limit_reached"
            )
        ],
        1,
        "rate_limit_error",
        "spending limit",
    ),
    "redirect": ([(307, {"location": "http://127.0.0.1:9/elsewhere"}, "")], 1, "http_error", "redirect"),
    "refusal": ([answer(stop_reason="refusal", content=[])], 1, "refusal", "declined"),
    "truncated": ([answer(stop_reason="max_tokens")], 1, "truncated", "max_tokens"),
    "no blocks": ([(200, {}, {"content": [], "stop_reason": "end_turn"})], 1, "empty", "no text"),
    "only thinking": (
        [answer({"type": "thinking", "thinking": "hm", "signature": "s"})],
        1,
        "empty",
        "no text",
    ),
}


@pytest.mark.parametrize("name", GIVES_UP)
def test_gives_up_with_advice(name):
    script, attempts, kind, words = GIVES_UP[name]
    error, waits, server, _ = talk(*script)
    assert isinstance(error, LLMError), error
    assert (error.type, len(server.seen), len(waits)) == (kind, attempts, attempts - 1)
    assert words in str(error) and "\n" not in str(error)
    if kind not in ("refusal", "truncated", "empty"):
        assert error.attempts == attempts


def test_request_id_and_status_reach_the_learner():
    error, *_ = talk(failure(404, "not_found_error", "model: claude-x"))
    assert (error.status, error.request_id) == (404, "req_1")
    assert "req_1" in str(error) and "model: claude-x" in str(error)


def test_a_silent_server_is_a_timeout():
    error, waits, server, _ = talk(*[("slow", 0.4)] * 2, timeout=(1, 0.05), max_attempts=2)
    assert error.type == "timeout" and len(waits) == 1 and "in time" in str(error)


def test_nobody_at_the_address():
    with serving() as server:
        url = server.url  # free again when the block ends
    connect("anthropic", api_key=KEY, base_url=url, sleep=lambda seconds: None)
    with pytest.raises(LLMError, match="No connection to http://127.0.0.1") as caught:
        call_llm("", "Hello?")
    assert caught.value.attempts == 3


def test_text_is_joined_from_the_text_blocks_and_nothing_else():
    blocks = [
        {"type": "thinking", "thinking": "secret plan", "signature": "s"},
        {"type": "a_type_of_tomorrow", "text": "not for the reader"},
        {"type": "text", "text": "One, "},
        {"type": "tool_use", "id": "t", "name": "n", "input": {}},
        {"type": "text", "text": "two."},
    ]
    text, *_ = talk(answer(*blocks))
    assert text == "One, two."


@pytest.mark.parametrize("content", [None, "a string", [None, 3], [{"type": "text"}], [{"no": "type"}]])
def test_content_of_another_shape_is_empty_and_not_a_crash(content):
    with pytest.raises(LLMError) as caught:
        read_text({"content": content, "stop_reason": "end_turn"})
    assert caught.value.type == "empty"


def test_a_cut_answer_keeps_what_arrived():
    error, *_ = talk(answer(stop_reason="max_tokens"))
    assert error.text == "Hello."


def test_usage_is_summed_and_the_trace_reads():
    with serving(OVERLOADED) as server:
        made = connect("anthropic", api_key=KEY, base_url=server.url, sleep=lambda seconds: None)
        call_llm("Be brief.", "One?")
        call_llm("Be brief.", "Two?")
    assert made.usage["calls"] == 3
    assert (made.usage["input_tokens"], made.usage["output_tokens"]) == (14, 6)
    assert made.usage["seconds"] > 0
    first, second, third = made.trace
    assert (first["status"], second["status"], second["attempt"]) == (529, 200, 2)
    assert third["body"]["messages"] == [{"role": "user", "content": "Two?"}]
    assert third["reply"]["usage"] == {"input_tokens": 7, "output_tokens": 3}


def test_what_goes_over_the_wire():
    _, _, server, made = talk()
    request = server.seen[0]
    headers = {name.lower(): value for name, value in request["headers"].items()}
    assert request["path"] == "/v1/messages"
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["content-type"] == "application/json"
    assert "anthropic-dangerous-direct-browser-access" not in headers
    assert request["body"] == {
        "model": "claude-haiku-5-5",
        "max_tokens": 4096,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Hello?"}],
    }


def test_in_the_browser_the_cors_header_goes_along(monkeypatch):
    monkeypatch.setattr(connection.sys, "platform", "emscripten")
    _, _, server, _ = talk()
    headers = {name.lower(): value for name, value in server.seen[0]["headers"].items()}
    assert headers["anthropic-dangerous-direct-browser-access"] == "true"


def test_both_timeouts_are_always_set():
    seen = {}
    made = connect("anthropic", api_key=KEY, sleep=lambda seconds: None)

    def post(url, **options):
        seen.update(options)
        raise requests.ConnectionError

    made.session.post = post
    with pytest.raises(LLMError):
        call_llm("", "Hello?")
    connect_seconds, read_seconds = seen["timeout"]
    assert 0 < connect_seconds <= 10 and 0 < read_seconds <= 600


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("claude-haiku-5-5", False),
        ("claude-opus-4-7", False),
        ("claude-sonnet-5", False),
        ("anthropic/claude-fable-5-1", False),
        ("claude-opus-4-6", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-3-5-haiku-20241022", True),
        ("course-model-1", True),
        ("llama-3", True),
    ],
)
def test_temperature_is_sent_only_where_it_is_taken(model, takes):
    with serving() as server:
        made = connect("anthropic", api_key=KEY, base_url=server.url, model=model)
        call_llm("", "Hello?", temperature=0.2)
    assert ("temperature" in server.seen[0]["body"]) is takes
    assert ("temperature left out" in made.trace[0]["note"]) is not takes


# ------------------------------------------------------------ keys


@pytest.mark.parametrize("key", ["", "   ", "your-key-here", None])
def test_a_missing_key_is_said_before_anything_is_sent(key):
    with pytest.raises(LLMError, match="ANTHROPIC_API_KEY") as caught:
        connect("anthropic", api_key=key)
    assert caught.value.type == "missing_key"


def test_an_impossible_key_is_refused_without_being_shown():
    with pytest.raises(LLMError) as caught:
        connect("anthropic", api_key="sk-test\n4f9a77c1")
    assert caught.value.type == "bad_key" and "4f9a" not in str(caught.value)


def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with serving() as server:
        monkeypatch.setenv("CAI_BACKEND", "anthropic")
        monkeypatch.setenv("CAI_BASE_URL", server.url + "/v1/")
        monkeypatch.setenv("CAI_MODEL", "claude-opus-5-5")
        assert call_llm("", "Hello?") == "Hello."
    assert server.seen[0]["body"]["model"] == "claude-opus-5-5"
    assert server.seen[0]["path"] == "/v1/messages"


def test_the_key_is_nowhere_to_be_seen():
    echo = failure(401, "authentication_error", f"invalid key {KEY}", headers={"x-note": KEY})
    with serving(echo, (200, {}, f"not JSON, {KEY}"), "cut") as server:
        made = connect("anthropic", api_key=KEY, base_url=server.url, sleep=lambda seconds: None)
        errors = []
        for _ in range(2):
            try:
                call_llm("", f"my key is {KEY}")
            except LLMError as error:
                errors.append(error)
    assert len(errors) == 1
    chain, seen = errors[0], []
    while chain is not None:
        seen += [str(chain), repr(chain), repr(vars(chain))]
        chain = chain.__context__
    shown = [repr(made), str(list(made.trace)), repr(vars(made)), *seen, *traceback.format_exception(errors[0])]
    assert KEY not in "".join(shown)


# ------------------------------------------------------------ choosing who answers


def test_unknown_backend_option_and_address_get_one_sentence():
    for call in (
        lambda: connect("clippy"),
        lambda: connect("anthropic", api_key=KEY, sheep=1),
        lambda: connect("anthropic", api_key=KEY, base_url="api.anthropic.com"),
        lambda: connect("anthropic", api_key=KEY, max_attempts=0),
        lambda: connect("course", base_url="http://127.0.0.1:1"),
        lambda: connect("course", sheep=1),
    ):
        with pytest.raises((ValueError, TypeError)) as caught:
            call()
        assert "\n" not in str(caught.value) and len(str(caught.value)) > 15


def test_without_a_choice_the_course_model_answers():
    assert call_llm("You are a helpful assistant.", "Hello").strip()
    assert "course-model-1" in repr(client.current_client())


def test_a_badge_says_what_answers():
    assert "not a language model" in repr(connect())
    assert "live model" in repr(connect("anthropic", api_key=KEY))


# ------------------------------------------------------------ properties


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=40)), st.integers(1, 60))
def test_waits_are_always_finite_and_positive(headers, attempt):
    assert 0 < seconds_to_wait(headers, attempt) < float("inf")


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e999", "-3", "0"])
def test_a_number_that_is_no_wait_means_backoff(value):
    assert 0.375 <= seconds_to_wait({"retry-after": value}, 1) <= 0.5


def test_backoff_grows_to_eight_seconds_and_no_further():
    assert [round(max(seconds_to_wait({}, n) for _ in range(200))) for n in (3, 4, 5, 6, 40)] == [2, 4, 8, 8, 8]
    assert asked_wait({}) is None


@given(st.text(), st.text(), st.floats(0, 1) | st.none())
def test_a_payload_is_json_and_holds_what_was_given(system, user, temperature):
    payload = json.loads(json.dumps(build_payload("m", system, user, temperature)))
    assert payload.get("system", "") == system and payload["messages"][0]["content"] == user
    assert payload.get("temperature") == temperature
