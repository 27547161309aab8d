"""The counter that serves in courses: a finished answer cut into the server-sent events of its wire format.

Made from the answer in one piece, so text, ids and usage are equal whether streamed or not. Order and names of the
events: https://platform.claude.com/docs/en/build-with-claude/streaming and
https://developers.openai.com/api/reference/resources/chat (the chunk object).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_JSON = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps would make one per event
DONE = b"data: [DONE]\n\n"
# What the last usage of a message repeats; the rest stands in message_start only.
_FINAL_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens_details",
    "server_tool_use",
)


def event(data: dict[str, Any], name: str = "") -> bytes:
    """One server-sent event; OpenAI's have no name."""
    return ((f"event: {name}\n" if name else "") + f"data: {_JSON(data)}\n\n").encode("utf-8", "replace")


def pieces(text: str) -> list[str]:
    """The text in words with the space before them, long ones cut: joined they are the text."""
    return re.findall(r"\s*\S{1,24}|\s+", text)


def of_message(message: dict[str, Any]) -> list[bytes]:
    """The events of a Messages answer."""
    return [event({"type": name, **data}, name) for name, data in _message_events(message)]


def _message_events(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    usage = message["usage"]
    started = {**usage, "output_tokens": 1, "output_tokens_details": {"thinking_tokens": 0}}
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield "message_start", {"message": {**begun, "usage": started}}
    yield "ping", {}
    for index, block in enumerate(message["content"]):
        kind = block["type"]  # text or thinking, which is also the name of the field that grows
        empty = {**block, kind: ""} if kind == "text" else {**block, kind: "", "signature": ""}
        yield "content_block_start", {"index": index, "content_block": empty}
        for piece in pieces(block[kind]):
            yield "content_block_delta", {"index": index, "delta": {"type": f"{kind}_delta", kind: piece}}
        if kind == "thinking":
            signed = {"type": "signature_delta", "signature": block["signature"]}
            yield "content_block_delta", {"index": index, "delta": signed}
        yield "content_block_stop", {"index": index}
    stop = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details", "container")}
    yield "message_delta", {"delta": stop, "usage": {name: usage[name] for name in _FINAL_USAGE}}
    yield "message_stop", {}


def of_completion(completion: dict[str, Any], include_usage: bool) -> list[bytes]:
    """The chunks of a chat completion: role, text, finish_reason per choice, the usage if asked for, [DONE]."""
    common = {**completion, "object": "chat.completion.chunk"}
    usage = common.pop("usage")
    if include_usage:
        common["usage"] = None  # in every chunk but the last
    chunks = [event({**common, "choices": [part]}) for choice in completion["choices"] for part in _parts(choice)]
    last = [event({**common, "choices": [], "usage": usage})] if include_usage else []
    return [*chunks, *last, DONE]


def _parts(choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
    message = choice["message"]
    field = "content" if message["refusal"] is None else "refusal"

    def part(delta: dict[str, Any], finish: str | None = None, logprobs: Any = None) -> dict[str, Any]:
        return {"index": choice["index"], "delta": delta, "logprobs": logprobs, "finish_reason": finish}

    yield part({"role": "assistant", "content": "" if field == "content" else None, "refusal": None})
    if field == "content" and choice["logprobs"]:
        for entry in choice["logprobs"]["content"]:
            yield part({field: entry["token"]}, logprobs={"content": [entry], "refusal": None})
    else:
        for piece in pieces(message[field]):
            yield part({field: piece})
    yield part({}, choice["finish_reason"])
