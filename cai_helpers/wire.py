"""Chapter 11: two wire formats behind one client, and what each model takes.

In the order of the lesson: one question as two bodies, one answer out of two replies, the table of models, what is left
out or renamed for a model, and what a server's refusal of a parameter teaches.

Wire formats: https://platform.claude.com/docs/en/api/messages and
https://developers.openai.com/api/reference/resources/chat, as of November 2026. The other servers (Ollama, vLLM,
llama.cpp, LiteLLM) speak one of the two.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypedDict

import requests

from cai_helpers.client import Client, build_payload, read_text
from cai_helpers.errors import ADVICE, LLMError

Json = dict[str, Any]

# ------------------------------------------------------------ one question, one answer


def build_chat(
    model: str, system_prompt: str, user_message: str, temperature: float | None = None, max_tokens: int = 4096
) -> Json:
    """The JSON body of POST /chat/completions: what `build_payload` builds for the other format."""
    payload: Json = {"model": model, "max_tokens": max_tokens}
    if temperature is not None:
        payload["temperature"] = temperature
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    payload["messages"] = [*system, {"role": "user", "content": user_message}]
    return payload


def read_chat(reply: Json) -> str:
    """The text of a chat completion. LLMError (refusal, truncated, empty) where it cannot be used, as `read_text`."""
    choice = first_choice(reply)
    message = as_dict(choice.get("message"))
    text, reason = text_in(message.get("content")), choice.get("finish_reason")
    if message.get("refusal") or reason == "content_filter":
        problem = "refusal"
    elif reason == "length":
        problem = "truncated"
    elif not text.strip():
        problem = "empty"
    else:
        return text
    raise LLMError(ADVICE[problem], type=problem, status=200, text=text)


def text_in(content: Any) -> str:
    """The text of a message's content: a text itself, or its parts joined; "" for anything else."""
    parts = [as_dict(part).get("text") for part in content] if isinstance(content, list) else [content]
    return "".join(part for part in parts if isinstance(part, str))


def first_choice(reply: Json) -> Json:
    """choices[0] of a chat completion or of a piece of one; {} where there is none."""
    choices = reply.get("choices")
    return as_dict(choices[0]) if isinstance(choices, list) and choices else {}


def as_dict(value: Any) -> Json:
    """The value if it is a dict, else {}: what a server sends may have any shape."""
    return value if isinstance(value, dict) else {}


def read_usage(reply: Json) -> dict[str, int]:
    """Tokens in and out, on either format. What a cache wrote or read counts as input; a missing count is 0."""
    usage = as_dict(reply.get("usage"))
    names = {
        "input_tokens": ("input_tokens", "prompt_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        "output_tokens": ("output_tokens", "completion_tokens"),
    }
    return {total: sum(usage[n] for n in parts if isinstance(usage.get(n), int)) for total, parts in names.items()}


def ask_schema(payload: Json, schema: Json, strict: bool = True) -> Json:
    """The Anthropic body with the form that the answer must have. Every object of the schema must be closed."""
    return {**payload, "output_config": {"format": {"type": "json_schema", "schema": schema}}}


def ask_chat_schema(payload: Json, schema: Json, strict: bool = True) -> Json:
    """The same for the OpenAI body. strict is for closed objects that require all their fields."""
    named = {"name": "answer", "strict": strict, "schema": schema}
    return {**payload, "response_format": {"type": "json_schema", "json_schema": named}}


# ------------------------------------------------------------ answers that arrive in pieces


def add_event(reply: Json, event: Json) -> str:
    """Put one event of a Messages stream into the reply that is growing; gives the text that it brings.

    The reply is whole when it has a stop_reason: that comes with message_delta and counts from message_stop on.
    """
    kind, text = event.get("type"), ""
    if kind == "content_block_start":
        block = event.get("content_block") or {}
        text = block.get("text") or "" if block.get("type") == "text" else ""
    elif kind == "content_block_delta":
        delta = event.get("delta") or {}
        text = delta.get("text") or "" if delta.get("type") == "text_delta" else ""
    elif kind == "message_delta":
        reply["announced"] = (event.get("delta") or {}).get("stop_reason") or reply.get("announced")
    elif kind == "message_stop":
        reply["stop_reason"] = reply.pop("announced", None)
    usage = event.get("usage") or (event.get("message") or {}).get("usage") or {}
    reply["usage"] = {**reply.get("usage", {}), **{name: n for name, n in usage.items() if n is not None}}
    reply.setdefault("content", [{"type": "text", "text": ""}])[0]["text"] += text
    return text


def add_chunk(reply: Json, chunk: Json) -> str:
    """The same for a chat.completion.chunk. Role, usage and the final [DONE] may be missing: real servers differ."""
    choice = first_choice(chunk)
    delta = choice.get("delta") or {}
    whole = reply.setdefault("choices", [{"message": {"content": "", "refusal": ""}, "finish_reason": None}])[0]
    text = delta.get("content") or ""
    whole["message"]["content"] += text
    whole["message"]["refusal"] += delta.get("refusal") or ""
    whole["finish_reason"] = choice.get("finish_reason") or whole["finish_reason"]
    reply["usage"] = chunk.get("usage") or reply.get("usage") or {}
    return text


def is_whole(reply: Json) -> bool:
    """Whether the model said that it ended. An answer that just stops coming was cut."""
    return bool(reply.get("stop_reason") or first_choice(reply).get("finish_reason"))


def is_stream(response: requests.Response) -> bool:
    """Whether the answer comes in pieces, and not as JSON or as the page of something in between."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return response.status_code == 200 and not kind.endswith("json") and kind != "text/html"


# ------------------------------------------------------------ what differs, in one table each


class Wire(TypedDict):
    """One wire format: addresses after the base_url, how the key is sent, and the functions above."""

    name: str
    path: str
    models: str
    key: tuple[str, str]  # header, and what stands before the key in it
    build: Callable[..., Json]
    read: Callable[[Json], str]
    add: Callable[[Json, Json], str]
    stream: Json  # what a body needs in addition to get the answer in pieces
    schema: Callable[[Json, Json, bool], Json]
    schema_field: str
    remedies: dict[str, str]  # parameters that an answer is possible without: the name to use instead, or ""


WIRES: dict[str, Wire] = {
    "anthropic": {  # base_url without /v1, as the official package takes it
        "name": "anthropic",
        "path": "/v1/messages",
        "models": "/v1/models?limit=1000",
        "key": ("x-api-key", ""),
        "build": build_payload,
        "read": read_text,
        "add": add_event,
        "stream": {"stream": True},
        "schema": ask_schema,
        "schema_field": "output_config",
        "remedies": {"temperature": "", "output_config": ""},
    },
    "openai": {  # base_url with /v1, as the official package takes it
        "name": "openai",
        "path": "/chat/completions",
        "models": "/models",
        "key": ("authorization", "Bearer "),
        "build": build_chat,
        "read": read_chat,
        "add": add_chunk,
        "stream": {"stream": True, "stream_options": {"include_usage": True}},
        "schema": ask_chat_schema,
        "schema_field": "response_format",
        "remedies": {
            "temperature": "",
            "response_format": "",
            "stream_options": "",
            "max_tokens": "max_completion_tokens",
            "max_completion_tokens": "max_tokens",
        },
    },
}


class Backend(TypedDict):
    """Where a backend is, and what it takes when nobody chooses: wire, address, model, its line, and the key."""

    wire: str
    url: str
    model: str
    line: str
    variable: str
    prices: str


BACKENDS: dict[str, Backend] = {
    "course": {
        "wire": "anthropic",
        "url": "https://api.anthropic.com",
        "model": "course-model-1",
        "line": "course",
        "variable": "",
        "prices": "",
    },
    "anthropic": {
        "wire": "anthropic",
        "url": "https://api.anthropic.com",
        "model": "claude-haiku-5-5",
        "line": "haiku",
        "variable": "ANTHROPIC_API_KEY",
        "prices": "https://platform.claude.com/docs/en/about-claude/pricing",
    },
    "openai": {
        "wire": "openai",
        "url": "https://api.openai.com/v1",
        "model": "gpt-6-luna",
        "line": "luna",
        "variable": "OPENAI_API_KEY",
        "prices": "https://developers.openai.com/api/docs/pricing",
    },
    "compatible": {
        "wire": "openai",
        "url": "",
        "model": "",
        "line": "",
        "variable": "COMPATIBLE_API_KEY",
        "prices": "",
    },
    "replay": {  # answers come from a file: this address leads nowhere, by https://www.rfc-editor.org/rfc/rfc2606
        "wire": "anthropic",
        "url": "https://replay.invalid",
        "model": "",
        "line": "",
        "variable": "",
        "prices": "",
    },
}

VERSION = "2026-10-21"  # of Anthropic's API; it refuses temperature for every model
VERSION_WITH_TEMPERATURE = "2023-06-01"


class Takes(TypedDict):
    """What a family of models takes. schema: None where it depends on the server. limit: the name of max_tokens."""

    temperature: bool
    schema: bool | None
    limit: str


# The first pattern found in a model's name counts. Sources: the vendors' migration guides and deprecation pages.
FAMILIES: list[tuple[str, Takes]] = [
    # Claude 4.7 and later: "`temperature` is deprecated for this model."
    (
        r"claude-(?:[a-z]+-)*(?:(?:[5-9]|\d\d)(?!\d)|4-(?:[7-9]|\d\d)(?!\d))",
        {"temperature": False, "schema": True, "limit": "max_tokens"},
    ),
    (r"claude-(?:[a-z]+-)*4-[56](?!\d)", {"temperature": True, "schema": True, "limit": "max_tokens"}),
    (r"claude", {"temperature": True, "schema": False, "limit": "max_tokens"}),
    # Models that reason: "Unsupported parameter: 'max_tokens'", and no temperature but 1.
    (r"\bgpt-[5-9](?!\d)|\bo[1-9]\b", {"temperature": False, "schema": True, "limit": "max_completion_tokens"}),
    (r"\bgpt-4(?:o|\.1)", {"temperature": True, "schema": True, "limit": "max_completion_tokens"}),
    (r"course-model", {"temperature": True, "schema": True, "limit": "max_tokens"}),
    (r"", {"temperature": True, "schema": None, "limit": "max_tokens"}),
]


def takes(model: str) -> Takes:
    """What this model takes, by its name; a name that no family knows is tried with everything."""
    return next(row for pattern, row in FAMILIES if re.search(pattern, model))


# ------------------------------------------------------------ fitting a body, and learning from a refusal


def fit(client: Client, payload: Json) -> tuple[Json, str]:
    """The body as this model takes it, and a note on what was left out or renamed."""
    sent: Json = {}
    notes = []
    for name, value in payload.items():
        if name == "max_tokens" and name in client.wire["remedies"]:
            name = client.takes["limit"]
        if name == "temperature" and not client.takes_temperature:
            notes.append(f"temperature left out: {client.model} does not take it")
        elif name not in client.refused:
            sent[name] = value
        elif client.refused[name]:
            sent[client.refused[name]] = value
            notes.append(f"{name} sent as {client.refused[name]}: the server refused {name}")
        else:
            notes.append(f"{name} left out: the server refused it")
    return sent, "; ".join(notes)


REFUSING = re.compile(
    r"unsupported|not supported|(?:not|n't) support|deprecated|not permitted|not allowed|unrecognized|unknown"
    r"|unexpected|extra (?:inputs|fields)",
    re.IGNORECASE,
)


def refused_parameter(client: Client, error: LLMError, payload: Json) -> str:
    """The parameter of this body that a 400 says the model does not take, where an answer is possible without; or "".

    OpenAI names it in `param`. Anthropic names it in the message only, whose wording may change: a name that is not
    recognised leaves the error as it is.
    """
    if error.status not in (400, 422):
        return ""
    refusing = (error.code or "").startswith(("unsupported_", "unknown_")) or REFUSING.search(error.said)
    where = error.param or error.said
    for name, other in client.wire["remedies"].items():
        if refusing and name in payload and other not in client.refused and re.search(rf"\b{name}\b", where):
            return name
    return ""
