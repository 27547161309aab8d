"""The course model's HTTP answers on both wires: shapes, headers, validation, errors."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests

from cai_helpers.course_model import MODEL_ID, CourseModel, mount

ANTHROPIC, OPENAI = "https://api.anthropic.com", "https://api.openai.com"
HEADERS = {"x-api-key": "k-1", "anthropic-version": "2023-06-01"}
BEARER = {"Authorization": "Bearer k-1"}
HELLO = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def session() -> requests.Session:
    fresh = requests.Session()
    mount(fresh)
    return fresh


def message(
    session: requests.Session, headers: dict[str, str] | None = None, path: str = "/v1/messages", **body: Any
) -> requests.Response:
    full = {"model": MODEL_ID, "max_tokens": 4096, "messages": HELLO, **body}
    kept = {key: value for key, value in full.items() if value is not ...}
    return session.post(ANTHROPIC + path, headers=HEADERS if headers is None else headers, json=kept, timeout=5)


def chat(session: requests.Session, headers: dict[str, str] | None = None, **body: Any) -> requests.Response:
    full = {"model": MODEL_ID, "messages": HELLO, **body}
    kept = {key: value for key, value in full.items() if value is not ...}
    return session.post(
        OPENAI + "/v1/chat/completions", headers=BEARER if headers is None else headers, json=kept, timeout=5
    )


def test_a_message_has_every_required_field(session: requests.Session) -> None:
    response = message(session)
    data = response.json()
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    assert data["id"].startswith("msg_") and (data["type"], data["role"], data["model"]) == (
        "message",
        "assistant",
        MODEL_ID,
    )
    assert [block["type"] for block in data["content"]] == ["text"] and len(data["content"][0]["text"]) > 40
    assert (data["stop_reason"], data["stop_sequence"], data["stop_details"]) == ("end_turn", None, None)
    usage = data["usage"]
    assert usage["input_tokens"] > 0 and usage["output_tokens"] == -(-len(data["content"][0]["text"]) // 4)
    assert response.headers["request-id"].startswith("req_")
    assert "anthropic-ratelimit-requests-remaining" in response.headers


def test_a_chat_completion_has_every_required_field(session: requests.Session) -> None:
    response = chat(session)
    data = response.json()
    assert (
        data["id"].startswith("chatcmpl-") and data["object"] == "chat.completion" and isinstance(data["created"], int)
    )
    choice = data["choices"][0]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert choice["message"]["role"] == "assistant" and choice["message"]["refusal"] is None
    usage = data["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > usage["prompt_tokens"] > 0
    assert response.headers["x-request-id"].startswith("req_")


def test_both_wires_say_the_same(session: requests.Session) -> None:
    said = message(session).json()["content"][0]["text"]
    assert chat(session).json()["choices"][0]["message"]["content"] == said


ERRORS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"model": ...}, 400, "invalid_request_error", "model: Field required"),
    ({"max_tokens": ...}, 400, "invalid_request_error", "max_tokens: Field required"),
    ({"messages": ...}, 400, "invalid_request_error", "messages: Field required"),
    ({"messages": []}, 400, "invalid_request_error", "messages: at least one message is required"),
    ({"messages": "hi"}, 400, "invalid_request_error", "messages: Input should be a valid list"),
    ({"messages": [{"role": "bot", "content": "x"}]}, 400, "invalid_request_error", "messages.0.role"),
    ({"messages": [{"role": "user"}]}, 400, "invalid_request_error", "messages.0.content: Field required"),
    ({"messages": [{"role": "user", "content": ""}]}, 400, "invalid_request_error", "non-empty"),
    ({"messages": [{"role": "user", "content": [{"type": "poem"}]}]}, 400, "invalid_request_error", "poem"),
    ({"messages": [*HELLO, {"role": "assistant", "content": "The"}]}, 400, "invalid_request_error", "prefill"),
    ({"max_tokens": "9"}, 400, "invalid_request_error", "max_tokens"),
    ({"max_tokens": True}, 400, "invalid_request_error", "max_tokens"),
    ({"max_tokens": -1}, 400, "invalid_request_error", "max_tokens"),
    ({"max_tokens": 10**7}, 400, "invalid_request_error", "maximum allowed number of output tokens"),
    ({"temperature": 1.5}, 400, "invalid_request_error", "temperature"),
    ({"temperature": "hot"}, 400, "invalid_request_error", "temperature"),
    ({"system": 3}, 400, "invalid_request_error", "system"),
    ({"stop_sequences": "x"}, 400, "invalid_request_error", "stop_sequences"),
    ({"stream": "yes"}, 400, "invalid_request_error", "stream"),
    ({"output_config": "json"}, 400, "invalid_request_error", "output_config"),
    ({"output_config": {"format": {"type": "json"}}}, 400, "invalid_request_error", "output_config.format"),
    ({"model": "claude-sonnet-4-20250514"}, 404, "not_found_error", "model: claude-sonnet-4-20250514"),
    ({"model": "gpt-6-luna"}, 404, "not_found_error", "model: gpt-6-luna"),
    (
        {"model": "claude-haiku-5-5", "temperature": 0.7},
        400,
        "invalid_request_error",
        "`temperature` is deprecated for this model.",
    ),
    (
        {"model": "claude-opus-4-6", "temperature": 0.7, "top_p": 0.9},
        400,
        "invalid_request_error",
        "cannot both be specified",
    ),
    ({"model": "claude-sonnet-5-5", "thinking": {"type": "disabled"}}, 400, "invalid_request_error", "disabled"),
    (
        {"model": "claude-sonnet-5-5", "tools": [], "tool_choice": {"type": "any"}},
        400,
        "invalid_request_error",
        "tool_choice",
    ),
    (
        {"model": "claude-haiku-5-5", "thinking": {"type": "enabled", "budget_tokens": 2000}},
        400,
        "invalid_request_error",
        "budget",
    ),
]


@pytest.mark.parametrize(("body", "status", "kind", "words"), ERRORS)
def test_messages_errors(session: requests.Session, body: dict[str, Any], status: int, kind: str, words: str) -> None:
    response = message(session, **body)
    data = response.json()
    assert (response.status_code, data["type"], data["error"]["type"]) == (status, "error", kind)
    assert words in data["error"]["message"]
    assert data["request_id"] == response.headers["request-id"]


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_new_version_takes_no_sampling_parameter(session: requests.Session, name: str) -> None:
    new = {**HEADERS, "anthropic-version": "2026-10-21"}
    assert message(session, new).status_code == 200
    assert message(session, new, **{name: 1}).status_code == 400
    assert message(session, new, path="/v1/messages/count_tokens", max_tokens=..., **{name: 1}).status_code == 400
    assert message(session, temperature=1.0).status_code == 200
    assert message(session, model="claude-haiku-5-5", temperature=1).status_code == 200


def test_version_and_keys(session: requests.Session) -> None:
    assert "anthropic-version" in message(session, {"x-api-key": "k"}).json()["error"]["message"]
    assert message(session, {**HEADERS, "anthropic-version": "2020-01-01"}).status_code == 400
    bearer = {"Authorization": "Bearer k", "anthropic-version": "2026-10-21"}
    assert message(session, bearer).status_code == 200
    for key in ("", "your-key-here", "sk-wrong-123", "an-INVALID-key"):
        response = message(session, {**HEADERS, "x-api-key": key})
        assert (response.status_code, response.json()["error"]["type"]) == (401, "authentication_error")
        assert not key or key not in response.text
        answer = chat(session, {"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


CHAT_ERRORS: list[tuple[dict[str, Any], int, str | None, str | None]] = [
    ({"model": ...}, 400, "missing_required_parameter", "model"),
    ({"messages": []}, 400, "empty_array", "messages"),
    ({"messages": [{"role": "bot", "content": "x"}]}, 400, "invalid_value", "messages[0].role"),
    ({"model": "nobody-1"}, 404, "model_not_found", None),
    ({"model": "gpt-6-luna", "max_tokens": 10}, 400, "unsupported_parameter", "max_tokens"),
    ({"model": "gpt-6-luna", "temperature": 0.2}, 400, "unsupported_value", "temperature"),
    ({"temperature": 3}, 400, "decimal_out_of_range", "temperature"),
    ({"stream": "yes"}, 400, "invalid_type", "stream"),
    ({"stream_options": {"include_usage": True}}, 400, None, "stream_options"),
    ({"stream": True, "stream_options": True}, 400, "invalid_type", "stream_options"),
    ({"stop": 3}, 400, "invalid_type", "stop"),
    ({"response_format": {"type": "json_schema"}}, 400, "invalid_value", "response_format"),
    ({"top_logprobs": 3}, 400, "invalid_parameter_combination", "top_logprobs"),
]


@pytest.mark.parametrize(("body", "status", "code", "param"), CHAT_ERRORS)
def test_chat_errors(session: requests.Session, body: dict[str, Any], status: int, code: str, param: str) -> None:
    response = chat(session, **body)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert set(error) == {"message", "type", "param", "code"} and error["message"]


def test_paths_and_methods(session: requests.Session) -> None:
    for url, headers in ((ANTHROPIC + "/v1/nothing", HEADERS), (OPENAI + "/nothing", BEARER)):
        response = session.get(url, headers=headers)
        assert response.status_code == 404 and "error" in response.json()
    assert session.get(ANTHROPIC + "/v1/messages", headers=HEADERS).status_code == 405
    response = session.post(ANTHROPIC + "/v1/messages?beta=true", headers=HEADERS, data=b"{no json")
    assert response.status_code == 400 and "valid JSON" in response.json()["error"]["message"]
    assert message(session, path="/v1/messages?beta=true").status_code == 200


def test_count_tokens_equals_the_usage(session: requests.Session) -> None:
    system = "You are a helpful assistant."
    counted = message(session, path="/v1/messages/count_tokens", max_tokens=..., system=system).json()
    assert counted == {"input_tokens": message(session, system=system).json()["usage"]["input_tokens"]}


def test_models_in_both_shapes(session: requests.Session) -> None:
    page = session.get(ANTHROPIC + "/v1/models?limit=2", headers=HEADERS).json()
    assert page["has_more"] and page["first_id"] == page["data"][0]["id"] and page["last_id"] == page["data"][1]["id"]
    after = session.get(ANTHROPIC + f"/v1/models?after_id={page['last_id']}", headers=HEADERS).json()
    ids = [model["id"] for model in page["data"] + after["data"]]
    assert MODEL_ID in ids and "claude-haiku-5-5" in ids and "claude-sonnet-4-20250514" not in ids
    for model in page["data"]:
        assert {"id", "type", "display_name", "created_at", "lifecycle"} <= set(model) and model["type"] == "model"
    retired = session.get(ANTHROPIC + "/v1/models?lifecycle[]=retired", headers=HEADERS).json()
    assert [model["id"] for model in retired["data"]] == ["claude-sonnet-4-20250514"]
    listed = session.get(OPENAI + "/v1/models", headers=BEARER).json()
    assert listed["object"] == "list" and {"gpt-6-luna", MODEL_ID} <= {model["id"] for model in listed["data"]}
    one = session.get(OPENAI + "/v1/models/gpt-4o-mini", headers=BEARER).json()
    assert (one["object"], one["shutdown_date"]) == ("model", "2027-01-14")
    assert session.get(OPENAI + "/v1/models/nobody", headers=BEARER).json()["error"]["code"] == "model_not_found"


def test_limits_cut_the_answer(session: requests.Session) -> None:
    short = message(session, max_tokens=5).json()
    whole = message(session).json()["content"][0]["text"]
    assert short["stop_reason"] == "max_tokens" and short["content"][0]["text"] == whole[:20]
    assert message(session, max_tokens=0).json()["content"] == []
    stopped = message(session, stop_sequences=["the"]).json()
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "the")
    assert "the" not in stopped["content"][0]["text"]
    cut = chat(session, max_completion_tokens=5).json()["choices"][0]
    assert (cut["finish_reason"], cut["message"]["content"]) == ("length", whole[:20])


def test_content_as_blocks_neighbours_and_system_turns(session: requests.Session) -> None:
    blocks = [{"role": "user", "content": [{"type": "text", "text": "Why is the sky blue?"}]}]
    whole = message(session).json()["content"][0]["text"]
    assert message(session, messages=blocks).json()["content"][0]["text"] == whole
    split = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Why is"},
        {"role": "user", "content": "the sky blue?"},
    ]
    assert (
        message(session, messages=split, system=[{"type": "text", "text": "Hi."}]).json()["content"][0]["text"] == whole
    )


def test_thinking_comes_first_when_asked(session: requests.Session) -> None:
    data = message(session, thinking={"type": "adaptive"}).json()
    assert [block["type"] for block in data["content"]] == ["thinking", "text"]
    assert set(data["content"][0]) == {"type", "thinking", "signature"}


def test_prefill_on_a_model_that_takes_it(session: requests.Session) -> None:
    whole = message(session, model="claude-sonnet-4-5").json()["content"][0]["text"]
    turns = [*HELLO, {"role": "assistant", "content": whole[:10]}]
    assert message(session, model="claude-sonnet-4-5", messages=turns).json()["content"][0]["text"] == whole[10:]


def test_several_choices_and_logprobs_of_a_comparison(session: requests.Session) -> None:
    assert len(chat(session, n=3).json()["choices"]) == 3
    question = "Which reply is more polite? Answer (A) or (B) only.\n(A) You are a fool.\n(B) Thank you, I will help."
    choice = chat(session, messages=[{"role": "user", "content": question}], logprobs=True, top_logprobs=2).json()[
        "choices"
    ][0]
    first = choice["logprobs"]["content"][0]
    assert {entry["token"] for entry in first["top_logprobs"]} == {"(A)", "(B)"}
    assert first["logprob"] <= 0 and bytes(first["bytes"]).decode() == first["token"]


def test_unknown_fields_are_accepted(session: requests.Session) -> None:
    assert message(session, metadata={"user_id": "u"}, service_tier="auto", tools=[]).status_code == 200


def test_odd_requests_get_an_answer_not_a_crash() -> None:
    model = CourseModel()
    for body in (b"", b"[]", b"null", b"\xff\xfe", b'{"model": 1}', b'"x"', b"[" * 5000):
        for path in ("/v1/messages", "/v1/chat/completions"):
            answer = model.handle("POST", path, HEADERS, body)
            assert answer.status == 400 and "error" in json.loads(answer.body)
    assert model.handle("BREW", "/v1/messages", {}, b"").status in (401, 405)


def test_threads_change_nothing() -> None:
    def ask(model: CourseModel, number: int) -> str:
        body = json.dumps(
            {
                "model": MODEL_ID,
                "max_tokens": 900,
                "temperature": 0.9,
                "messages": [{"role": "user", "content": f"How do I pick a lock? {number % 4}"}],
            }
        ).encode()
        return json.loads(model.handle("POST", "/v1/messages", HEADERS, body).body)["id"]

    alone = sorted(ask(model, n) for model in [CourseModel()] for n in range(24))
    shared, found = CourseModel(), []
    threads = [threading.Thread(target=lambda n=n: found.append(ask(shared, n))) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == alone
