"""The OpenAI counter, incoming: from a Chat Completions request to an Ask, with the vendor's 400s."""

from __future__ import annotations

from typing import Any

from . import models
from .shapes import Ask, Turn, WireError

ROLES = ("system", "developer", "user", "assistant", "tool")


def bad(message: str, param: str | None = None, code: str | None = None) -> WireError:
    return WireError(400, message, param=param, code=code)


def parse(data: Any) -> Ask:
    """The neutral Ask of a Chat Completions request; raises WireError."""
    if not isinstance(data, dict):
        raise bad("The request body must be a JSON object.")
    for name in ("model", "messages"):
        if data.get(name) is None:
            raise bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")
    if not isinstance(data["model"], str):
        raise bad("Invalid type for 'model': expected a string.", "model", "invalid_type")
    if not isinstance(data["messages"], list):
        raise bad("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type")
    if not data["messages"]:
        raise bad(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages", "empty_array"
        )
    stream, stream_usage = _stream(data)
    row = models.find(data["model"], "openai")
    system, turns = _conversation(data["messages"])
    schema, json_mode = _format(data.get("response_format"))
    return Ask(
        row.id,
        system,
        turns,
        _max_tokens(data, row),
        _sampling(data, row),
        _stops(data.get("stop")),
        schema,
        json_mode,
        _count(data, "n", 1, 128) or 1,
        _logprobs(data),
        stream=stream,
        stream_usage=stream_usage,
    )


def _stream(data: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the answer comes in pieces, and whether its usage comes as the last one."""
    stream, options = data.get("stream") or False, data.get("stream_options")
    if not isinstance(stream, bool):
        raise bad("Invalid type for 'stream': expected a boolean.", "stream", "invalid_type")
    if options is None:
        return stream, False
    if not isinstance(options, dict):
        raise bad("Invalid type for 'stream_options': expected an object.", "stream_options", "invalid_type")
    if not stream:
        raise bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options")
    return True, options.get("include_usage") is True


def _conversation(messages: list[Any]) -> tuple[str, tuple[Turn, ...]]:
    system: list[str] = []
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ROLES:
            raise bad(
                f"Invalid value: {role!r}. Supported values are: " + ", ".join(f"'{r}'" for r in ROLES) + ".",
                f"messages[{index}].role",
                "invalid_value",
            )
        text = _content(message.get("content"), role, index)
        if role in ("system", "developer"):
            system.append(text)
            continue
        role = "user" if role == "tool" else role
        if turns and turns[-1].role == role:
            turns[-1] = Turn(role, turns[-1].text + "\n\n" + text)
        else:
            turns.append(Turn(role, text))
    return "\n\n".join(system), tuple(turns)


def _content(value: Any, role: str, index: int) -> str:
    if isinstance(value, str):
        return value
    if value is None and role == "assistant":
        return ""
    if isinstance(value, list) and all(isinstance(p, dict) and isinstance(p.get("text"), str) for p in value):
        return "\n\n".join(part["text"] for part in value)
    raise bad(
        f"Invalid type for 'messages[{index}].content': expected a string or an array of text parts.",
        f"messages[{index}].content",
        "invalid_type",
    )


def _max_tokens(data: dict[str, Any], row: models.Model) -> int | None:
    old, new = _count(data, "max_tokens", 1, 10**9), _count(data, "max_completion_tokens", 1, 10**9)
    if old is not None and row.sampling != "yes":
        raise bad(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    if old is not None and new is not None:
        raise bad(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
            "max_tokens",
            "invalid_parameter_combination",
        )
    return new if new is not None else old


def _count(data: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad(f"Invalid type for '{name}': expected an integer.", name, "invalid_type")
    if not low <= value <= high:
        raise bad(f"Invalid '{name}': expected a value from {low} to {high}.", name, "integer_out_of_range")
    return value


def _sampling(data: dict[str, Any], row: models.Model) -> float | None:
    for name, top in (("temperature", 2), ("top_p", 1)):
        value = data.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise bad(f"Invalid type for '{name}': expected a decimal.", name, "invalid_type")
        if not 0 <= value <= top:
            raise bad(f"Invalid '{name}': decimal out of range 0 to {top}.", name, "decimal_out_of_range")
        if row.sampling != "yes" and value != 1:
            raise bad(
                f"Unsupported value: '{name}' does not support {value} with this model. "
                "Only the default (1) value is supported.",
                name,
                "unsupported_value",
            )
    temperature: float | None = data.get("temperature")
    return temperature if row.sampling == "yes" else None


def _stops(value: Any) -> tuple[str, ...]:
    stops = tuple(value) if isinstance(value, list) else (value,) if value is not None else ()
    if len(stops) > 4 or not all(isinstance(stop, str) for stop in stops):
        raise bad("Invalid 'stop': expected a string or up to 4 strings.", "stop", "invalid_type")
    return stops


def _format(value: Any) -> tuple[dict[str, Any] | None, bool]:
    kind = value.get("type") if isinstance(value, dict) else value
    if value is None or kind == "text":
        return None, False
    if kind == "json_object":
        return None, True
    spec = value.get("json_schema") if isinstance(value, dict) else None
    if kind != "json_schema" or not isinstance(spec, dict) or not isinstance(spec.get("schema"), dict):
        raise bad(
            "Invalid 'response_format': expected type text, json_object or json_schema with a schema.",
            "response_format",
            "invalid_value",
        )
    if not isinstance(spec.get("name"), str):
        raise bad(
            "Missing required parameter: 'response_format.json_schema.name'.",
            "response_format.json_schema.name",
            "missing_required_parameter",
        )
    return spec["schema"], True


def _logprobs(data: dict[str, Any]) -> int | None:
    top = _count(data, "top_logprobs", 0, 20)
    if top is not None and not data.get("logprobs"):
        raise bad("'logprobs' must be true to use 'top_logprobs'.", "top_logprobs", "invalid_parameter_combination")
    return (top or 0) if data.get("logprobs") else None
