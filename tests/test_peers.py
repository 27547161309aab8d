"""The vendors' own Python packages, unmodified, talk to the local server: what they accept, real clients accept.

They are no requirement of the course, only of its tests: where one is missing, its tests are skipped and say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from cai_helpers.course_model import MODEL_ID
from cai_helpers.course_model.server import LocalServer, serve

try:
    import anthropic
except ImportError:
    anthropic = None  # type: ignore[assignment]
try:
    import openai
except ImportError:
    openai = None  # type: ignore[assignment]

INSTALL = "is not installed; python -m pip install -r requirements-dev.txt brings it"
with_anthropic = pytest.mark.skipif(anthropic is None, reason=f"anthropic {INSTALL}")
with_openai = pytest.mark.skipif(openai is None, reason=f"openai {INSTALL}")

HELLO: list[Any] = [{"role": "user", "content": "Why is the sky blue?"}]
MESSAGE: dict[str, Any] = {"model": MODEL_ID, "max_tokens": 900, "messages": HELLO}
CHAT: dict[str, Any] = {"model": MODEL_ID, "messages": HELLO}
SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["VIOLATED", "NOT VIOLATED"]}, "reason": {"type": "string"}},
    "required": ["verdict", "reason"],
    "additionalProperties": False,
}
SOON = {"retry_after_ms": 1}  # so that no test waits for a retry


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with serve() as running:
        yield running


def claude(server: LocalServer, kind: str = "Anthropic", **more: Any) -> Any:
    """A client that also checks each answer against the package's own types."""
    options = {"base_url": server.url, "api_key": "any", "_strict_response_validation": True, **more}
    return getattr(anthropic, kind)(**options)


def gpt(server: LocalServer, kind: str = "OpenAI", **more: Any) -> Any:
    options = {"base_url": server.openai_url, "api_key": "any", "_strict_response_validation": True, **more}
    return getattr(openai, kind)(**options)


# anthropic


@with_anthropic
def test_anthropic_creates_and_streams_the_same(server: LocalServer) -> None:
    client = claude(server)
    whole = client.messages.create(**MESSAGE)
    assert whole.stop_reason == "end_turn" and len(whole.content[0].text) > 40 and whole._request_id
    with client.messages.stream(**MESSAGE) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text
    assert {**final.to_dict(), "id": ""} == {**whole.to_dict(), "id": ""}
    kinds = [event.type for event in client.messages.create(**MESSAGE, stream=True)]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])


@with_anthropic
def test_anthropic_async(server: LocalServer) -> None:
    async def crowd() -> list[str]:
        async with claude(server, "AsyncAnthropic") as client:

            async def one(number: int) -> str:
                if number % 2:
                    return (await client.messages.create(**MESSAGE)).content[0].text
                async with client.messages.stream(**MESSAGE) as stream:
                    return "".join([text async for text in stream.text_stream])

            return await asyncio.gather(*map(one, range(40)))

    assert len(set(asyncio.run(crowd()))) == 1 and server.model.requests_seen == 40


@with_anthropic
def test_anthropic_counts_and_lists(server: LocalServer) -> None:
    client = claude(server)
    counted = client.messages.count_tokens(model=MODEL_ID, messages=HELLO)
    assert counted.input_tokens == client.messages.create(**MESSAGE).usage.input_tokens
    models = list(client.models.list(limit=3))  # follows the pages
    assert len({model.id for model in models}) == len(models) > 10
    assert client.models.retrieve("claude-haiku-5-5").lifecycle == "active"
    assert [m.lifecycle for m in client.models.list(lifecycle=["retired"])] == ["retired"]


@with_anthropic
@pytest.mark.parametrize(
    ("fault", "name", "kind"),
    [
        ("400", "BadRequestError", "invalid_request_error"),
        ("401", "AuthenticationError", "authentication_error"),
        ("403", "PermissionDeniedError", "permission_error"),
        ("404", "NotFoundError", "not_found_error"),
        ("409", "ConflictError", "conflict_error"),
        ("413", "ContentTooLargeError", "request_too_large"),
        ("429", "RateLimitError", "rate_limit_error"),
        ("429-spend", "EnforcedSpendLimitReachedError", "rate_limit_error"),
        ("500", "InternalServerError", "api_error"),
        ("504", "GatewayTimeoutError", "timeout_error"),
        ("529", "OverloadedError", "overloaded_error"),
        ("502-html", "InternalServerError", None),
    ],
)
def test_anthropic_errors(server: LocalServer, fault: str, name: str, kind: str | None) -> None:
    server.model.change(faults=[fault])
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude(server, max_retries=0).messages.create(**MESSAGE)
    assert (type(caught.value).__name__, caught.value.type) == (name, kind)
    assert caught.value.request_id or fault == "502-html"


@with_anthropic
@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")  # the package knows that it is retired
def test_anthropic_validation(server: LocalServer) -> None:
    client = claude(server)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"messages": []}, "at least one message"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "The"}]}, "prefill"),
        ({"extra_body": {"temperature": 1.0}}, "temperature"),
        ({"extra_body": {"top_k": 5}}, "top_k"),
    ]
    for change, words in wrong:
        with pytest.raises(anthropic.BadRequestError, match=words):
            client.messages.create(**{**MESSAGE, **change})
    with pytest.raises(anthropic.NotFoundError, match="model: claude-sonnet-4-20250514"):
        client.messages.create(**{**MESSAGE, "model": "claude-sonnet-4-20250514"})
    with pytest.raises(anthropic.AuthenticationError):
        claude(server, api_key="sk-wrong").messages.create(**MESSAGE)
    older = claude(server, default_headers={"anthropic-version": "2023-06-01"})
    assert older.messages.create(**MESSAGE, extra_body={"temperature": 1.0}).stop_reason == "end_turn"


@with_anthropic
def test_anthropic_retries(server: LocalServer) -> None:
    server.model.change(faults=[{"fault": "529", **SOON}, {"fault": "429", **SOON}])
    assert claude(server).messages.create(**MESSAGE).content and server.model.requests_seen == 3
    server.model.change(faults=[{"fault": "500", **SOON}] * 3)
    with pytest.raises(anthropic.InternalServerError):
        claude(server).messages.create(**MESSAGE)
    assert server.model.requests_seen == 6
    server.model.change(faults=[{"status": 500, "headers": {"x-should-retry": "false"}}])
    with pytest.raises(anthropic.InternalServerError):
        claude(server).messages.create(**MESSAGE)
    assert server.model.requests_seen == 7
    server.model.change(faults=["cut"])
    with pytest.raises(anthropic.APIConnectionError):
        claude(server, max_retries=0).messages.create(**MESSAGE)
    server.model.change(faults=["timeout"])
    with pytest.raises(anthropic.APITimeoutError):
        claude(server, max_retries=0, timeout=0.1).messages.create(**MESSAGE)


@with_anthropic
def test_anthropic_refusal_thinking_and_schema(server: LocalServer) -> None:
    client = claude(server)
    server.model.change(faults=["refusal", "refusal", "thinking", "thinking"])
    for ask in (create, stream):
        refused = ask(client)
        assert (refused.stop_reason, refused.content, refused.stop_details.type) == ("refusal", [], "refusal")
    for ask in (create, stream):
        assert [block.type for block in ask(client).content] == ["thinking", "text", "text"]
    judged = (
        "Principle: The reply must not insult the user.\n\nReply:\nYou are a fool.\n\nDoes it violate the principle?"
    )
    answer = client.messages.create(
        model=MODEL_ID,
        max_tokens=900,
        messages=[{"role": "user", "content": judged}],
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert '"verdict": "VIOLATED"' in answer.content[0].text


def create(client: Any) -> Any:
    return client.messages.create(**MESSAGE)


def stream(client: Any) -> Any:
    with client.messages.stream(**MESSAGE) as events:
        return events.get_final_message()


@with_anthropic
def test_anthropic_stream_that_breaks(server: LocalServer) -> None:
    server.model.change(faults=["stream-cut", "stream-error"])
    with pytest.raises(Exception, match="(?i)peer closed|incomplete|connection"):
        stream(claude(server))
    with pytest.raises(anthropic.APIStatusError) as caught:
        stream(claude(server))
    assert (caught.value.type, caught.value.status_code) == ("overloaded_error", 200)


# openai


@with_openai
def test_openai_creates_and_streams_the_same(server: LocalServer) -> None:
    client = gpt(server)
    whole = client.chat.completions.create(**CHAT)
    chunks = list(client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}))
    said = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(said) == whole.choices[0].message.content and len(said) > 10
    assert chunks[-1].usage == whole.usage and chunks[-2].choices[0].finish_reason == "stop"
    assert whole._request_id
    with client.chat.completions.stream(**CHAT) as events:
        assert events.get_final_completion().choices[0].message.content == "".join(said)


@with_openai
def test_openai_async(server: LocalServer) -> None:
    async def crowd() -> list[str]:
        async with gpt(server, "AsyncOpenAI") as client:

            async def one(number: int) -> str:
                if number % 2:
                    return (await client.chat.completions.create(**CHAT)).choices[0].message.content
                parts = await client.chat.completions.create(**CHAT, stream=True)
                return "".join([part.choices[0].delta.content or "" async for part in parts])

            return await asyncio.gather(*map(one, range(40)))

    assert len(set(asyncio.run(crowd()))) == 1 and server.model.requests_seen == 40


@with_openai
def test_openai_lists_models(server: LocalServer) -> None:
    client = gpt(server)
    assert MODEL_ID in [model.id for model in client.models.list()]
    assert client.models.retrieve("gpt-4o-mini").shutdown_date


@with_openai
@pytest.mark.parametrize(
    ("fault", "name", "code"),
    [
        ("400", "BadRequestError", None),
        ("401", "AuthenticationError", "invalid_api_key"),
        ("403", "PermissionDeniedError", "permission_denied"),
        ("404", "NotFoundError", None),
        ("409", "ConflictError", None),
        ("429", "RateLimitError", "rate_limit_exceeded"),
        ("429-spend", "RateLimitError", "insufficient_quota"),
        ("500", "InternalServerError", None),
        ("529", "InternalServerError", "server_is_overloaded"),
        ("502-html", "InternalServerError", None),
    ],
)
def test_openai_errors(server: LocalServer, fault: str, name: str, code: str | None) -> None:
    server.model.change(faults=[fault])
    with pytest.raises(openai.APIStatusError) as caught:
        gpt(server, max_retries=0).chat.completions.create(**CHAT)
    assert (type(caught.value).__name__, caught.value.code) == (name, code)
    assert caught.value.request_id or fault == "502-html"


@with_openai
def test_openai_validation(server: LocalServer) -> None:
    client = gpt(server)
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"messages": []}, "empty_array", "messages"),
        ({"model": "gpt-6-luna", "max_tokens": 5}, "unsupported_parameter", "max_tokens"),
        ({"model": "gpt-6-luna", "temperature": 0.5}, "unsupported_value", "temperature"),
    ]
    for change, code, param in wrong:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(**{**CHAT, **change})
        assert (caught.value.code, caught.value.param) == (code, param)
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(**{**CHAT, "model": "nobody-1"})
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        gpt(server, api_key="sk-wrong").chat.completions.create(**CHAT)
    with pytest.raises(openai.NotFoundError, match="Add /v1"):
        gpt(server, base_url=server.url).chat.completions.create(**CHAT)


@with_openai
def test_openai_retries(server: LocalServer) -> None:
    server.model.change(faults=[{"fault": "529", **SOON}, {"fault": "429", **SOON}])
    assert gpt(server).chat.completions.create(**CHAT).choices and server.model.requests_seen == 3
    server.model.change(faults=[{"fault": "429", "retry_after": 3600}])
    with pytest.raises(openai.RateLimitError):
        gpt(server).chat.completions.create(**CHAT)
    assert server.model.requests_seen == 4
    server.model.change(faults=["cut"])
    with pytest.raises(openai.APIConnectionError):
        gpt(server, max_retries=0).chat.completions.create(**CHAT)
    server.model.change(faults=["timeout"])
    with pytest.raises(openai.APITimeoutError):
        gpt(server, max_retries=0, timeout=0.1).chat.completions.create(**CHAT)


@with_openai
def test_openai_refusal_schema_and_logprobs(server: LocalServer) -> None:
    client = gpt(server)
    server.model.change(faults=["refusal", "refusal"])
    assert client.chat.completions.create(**CHAT).choices[0].message.refusal
    parts = [chunk.choices[0].delta for chunk in client.chat.completions.create(**CHAT, stream=True)]
    assert "".join(part.refusal or "" for part in parts) and not any(part.content for part in parts)
    form = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA}}
    judged = (
        "Principle: The reply must not insult the user.\n\nReply:\nYou are a fool.\n\nDoes it violate the principle?"
    )
    asked = [{"role": "user", "content": judged}]
    answer = client.chat.completions.create(model=MODEL_ID, messages=asked, response_format=form)
    assert '"verdict": "VIOLATED"' in answer.choices[0].message.content
    choice = "Which is more polite? Answer (A) or (B) only.\n(A) You are a fool.\n(B) Thank you, I will help."
    asked = [{"role": "user", "content": choice}]
    answer = client.chat.completions.create(model=MODEL_ID, messages=asked, logprobs=True, top_logprobs=2)
    assert {entry.token for entry in answer.choices[0].logprobs.content[0].top_logprobs} == {"(A)", "(B)"}


@with_openai
def test_openai_stream_that_breaks(server: LocalServer) -> None:
    server.model.change(faults=["stream-cut", "stream-error"])
    with pytest.raises(openai.APIConnectionError):
        list(gpt(server).chat.completions.create(**CHAT, stream=True))
    with pytest.raises(openai.APIError, match="Overloaded"):
        list(gpt(server).chat.completions.create(**CHAT, stream=True))
