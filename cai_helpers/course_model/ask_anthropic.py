"""The Anthropic counter, incoming: from a Messages request to an Ask, with the vendor's 400s in their order.

A guess is marked as one: the exact wording of some 400 messages of API version 2026-10-21 is not known.
"""

from __future__ import annotations

import json
from typing import Any

from . import models
from .shapes import Ask, Turn, WireError

VERSIONS = ("2023-06-01", "2026-10-21")
BLOCKS = ("text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image", "document")
SAMPLING_DEFAULTS = {"temperature": (1, 1.0), "top_p": (1, 1.0, None), "top_k": (None,)}


def bad(message: str) -> WireError:
    return WireError(400, message)


def check_version(headers: dict[str, str]) -> str:
    """The API version asked for; a missing or unknown one is a 400."""
    version = headers.get("anthropic-version", "")
    if not version:
        raise bad("anthropic-version: header is required")
    if version not in VERSIONS:
        raise bad(f"anthropic-version: {version[:40]!r} is not a valid version; use one of {', '.join(VERSIONS)}")
    return version


def parse(data: Any, version: str, *, counting: bool = False) -> Ask:
    """The neutral Ask of a Messages request; raises WireError in the order: fields, model, model's limits."""
    if not isinstance(data, dict):
        raise bad("The request body must be a JSON object.")
    _check_fields(data, counting)
    row = models.find(data["model"], "anthropic")
    _check_sampling(data, version, row)
    _check_thinking(data, row)
    system, turns = _conversation(data, version)
    prefill = ""
    if turns[-1].role == "assistant":
        if not row.prefill:
            raise bad(
                "This model does not support assistant message prefill. The conversation must end with a user message."
            )
        prefill, turns = turns[-1].text, turns[:-1]
        if not turns:
            raise bad("messages: at least one user message is required")
    max_tokens = data.get("max_tokens")
    if max_tokens is not None and max_tokens > row.max_tokens:
        raise bad(
            f"max_tokens: {max_tokens} > {row.max_tokens}, which is the maximum allowed number of "
            f"output tokens for {row.id}"
        )
    return Ask(
        row.id,
        system,
        tuple(turns),
        max_tokens,
        data.get("temperature") if row.sampling == "yes" else None,
        tuple(data.get("stop_sequences") or ()),
        _schema(data),
        thinking=(data.get("thinking") or {}).get("type") in ("adaptive", "enabled"),
        prefill=prefill,
        stream=bool(data.get("stream")) and not counting,
    )


def _check_fields(data: dict[str, Any], counting: bool) -> None:
    for name in ("model", "messages") if counting else ("model", "max_tokens", "messages"):
        if data.get(name) is None:
            raise bad(f"{name}: Field required")
    if not isinstance(data["model"], str):
        raise bad("model: Input should be a valid string")
    cap = data.get("max_tokens")
    if cap is not None:
        if isinstance(cap, bool) or not isinstance(cap, int):
            raise bad("max_tokens: Input should be a valid integer")
        if cap < 0:
            raise bad("max_tokens: Input should be greater than or equal to 0")
    if not isinstance(data["messages"], list):
        raise bad("messages: Input should be a valid list")
    if not data["messages"]:
        raise bad("messages: at least one message is required")
    stops = data.get("stop_sequences")
    if stops is not None and not (isinstance(stops, list) and all(isinstance(s, str) for s in stops)):
        raise bad("stop_sequences: Input should be a valid list of strings")
    if stops and not all(s.strip() for s in stops):
        raise bad("stop_sequences: each stop sequence must contain non-whitespace")
    if not isinstance(data.get("stream") or False, bool):
        raise bad("stream: Input should be a valid boolean")


def _check_sampling(data: dict[str, Any], version: str, row: models.Model) -> None:
    sent = [name for name in SAMPLING_DEFAULTS if name in data and data[name] is not None]
    if sent and version == "2026-10-21":
        raise bad(f"{sent[0]}: Extra inputs are not permitted")  # wording not verified
    for name in sent:
        value = data[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad(f"{name}: Input should be a valid number")
        if name != "top_k" and not 0 <= value <= 1:
            raise bad(f"{name}: range: 0..1")
        if row.sampling == "default" and value not in SAMPLING_DEFAULTS[name]:
            raise bad(f"`{name}` is deprecated for this model.")
    if row.vendor == "anthropic" and {"temperature", "top_p"} <= set(sent) and row.sampling == "yes":
        raise bad("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")


def _check_thinking(data: dict[str, Any], row: models.Model) -> None:
    thinking, choice = data.get("thinking"), data.get("tool_choice")
    if thinking is not None:
        kind = thinking.get("type") if isinstance(thinking, dict) else None
        if kind not in ("adaptive", "enabled", "between_tools", "disabled"):
            raise bad("thinking: type must be adaptive, enabled, between_tools or disabled")
        if kind == "disabled" and not row.thinking_off:
            raise bad("thinking: type disabled is not supported by this model")
        if kind == "enabled":
            _check_budget(thinking, data.get("max_tokens"), row)
    if isinstance(choice, dict) and choice.get("type") in ("any", "tool") and not row.forced_tools:
        raise bad("tool_choice: forced tool use is not supported by this model")


def _check_budget(thinking: dict[str, Any], max_tokens: int | None, row: models.Model) -> None:
    budget = thinking.get("budget_tokens")
    if row.vendor == "anthropic" and row.sampling == "default":
        raise bad("thinking: budget_tokens is not supported by this model; use type adaptive")
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < 1024:
        raise bad("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if max_tokens is not None and budget >= max_tokens:
        raise bad("max_tokens must be greater than thinking.budget_tokens")


def _conversation(data: dict[str, Any], version: str) -> tuple[str, list[Turn]]:
    """System text and turns; neighbours of the same role are merged, system turns join the system text."""
    system: list[str] = [_system(data.get("system"))]
    turns: list[Turn] = []
    for index, message in enumerate(data["messages"]):
        if not isinstance(message, dict):
            raise bad(f"messages.{index}: Input should be a valid dictionary")
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise bad(f"messages.{index}.role: Input should be 'user', 'assistant' or 'system'")
        if "content" not in message:
            raise bad(f"messages.{index}.content: Field required")
        text = _content(message["content"], role, f"messages.{index}.content", version)
        if not text.strip() and role == "user":
            raise bad(f"messages.{index}: user messages must have non-empty content")
        if role == "system":
            system.append(text)
        elif turns and turns[-1].role == role:
            turns[-1] = Turn(role, turns[-1].text + "\n\n" + text)
        else:
            turns.append(Turn(role, text))
    if not turns:
        raise bad("messages: at least one user message is required")
    return "\n\n".join(part for part in system if part), turns


def _system(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list) and all(isinstance(b, dict) and isinstance(b.get("text"), str) for b in value):
        return "\n\n".join(block["text"] for block in value)
    raise bad("system: Input should be a valid string or a list of text blocks")


def _content(value: Any, role: str, where: str, version: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise bad(f"{where}: Input should be a valid string or a list of blocks")
    texts = []
    for index, block in enumerate(value):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in BLOCKS:
            raise bad(
                f"{where}.{index}: Input tag {kind!r} does not match any of the expected tags: " + ", ".join(BLOCKS)
            )
        if kind in ("image", "document") and role == "user":
            raise bad(f"{where}.{index}: the course model reads text blocks only")
        if kind == "document" and version == "2026-10-21":
            raise bad(f"{where}.{index}: document blocks are not permitted in assistant turns")
        if kind == "text":
            if not isinstance(block.get("text"), str):
                raise bad(f"{where}.{index}.text: Field required")
            if role == "user" and block.get("citations") and version == "2026-10-21":
                raise bad(f"{where}.{index}.citations: Extra inputs are not permitted")
            texts.append(block["text"])
        elif kind == "tool_result":
            inner = block.get("content")
            texts.append(inner if isinstance(inner, str) else json.dumps(inner))
    return "\n\n".join(texts)


def _schema(data: dict[str, Any]) -> dict[str, Any] | None:
    config = data.get("output_config") or {}
    if not isinstance(config, dict):
        raise bad("output_config: Input should be a valid dictionary")
    wanted = config.get("format") or data.get("output_format")
    if not wanted:
        return None
    if (
        not isinstance(wanted, dict)
        or wanted.get("type") != "json_schema"
        or not isinstance(wanted.get("schema"), dict)
    ):
        raise bad('output_config.format: must be {"type": "json_schema", "schema": {...}}')
    return wanted["schema"]
