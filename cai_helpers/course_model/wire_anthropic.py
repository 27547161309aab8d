"""The Anthropic counter: Messages, count_tokens and Models, with the vendor's fields, headers and errors.

`parse` and `check_version` (incoming) live in ask_anthropic; this module writes what goes out.
"""

from __future__ import annotations

from typing import Any

from . import models
from .ask_anthropic import bad, check_version, parse
from .shapes import Ask, Reply, WireError, count_tokens

__all__ = ["check_version", "failure", "headers", "input_tokens", "model_object", "model_page", "parse", "success"]
STOP = {"end": "end_turn", "length": "max_tokens", "stop_sequence": "stop_sequence", "refusal": "refusal"}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def input_tokens(ask: Ask) -> int:
    """Tokens of the system text and all turns, with 3 per turn for its frame."""
    return count_tokens(ask.system) + sum(count_tokens(turn.text) + 3 for turn in ask.turns) + 3


def success(ask: Ask, replies: list[Reply], ident: str, signature: str) -> dict[str, Any]:
    """The message object. `ident` starts with msg_."""
    reply = replies[0]
    blocks: list[dict[str, Any]] = []
    if reply.thinking is not None:
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": signature})
    for text in _pieces(reply):
        blocks.append({"type": "text", "text": text, "citations": None})
    thought = count_tokens(reply.thinking) if reply.thinking else 0
    details = {"type": "refusal", "category": None, "explanation": None} if reply.stop == "refusal" else None
    return {
        "id": ident,
        "type": "message",
        "role": "assistant",
        "model": ask.model,
        "content": blocks,
        "stop_reason": STOP[reply.stop],
        "stop_sequence": reply.stop_sequence,
        "stop_details": details,
        "container": None,
        "diagnostics": None,
        "usage": {
            "input_tokens": input_tokens(ask),
            "output_tokens": max(1, count_tokens(reply.text) + thought),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens_details": {"thinking_tokens": thought},
            "server_tool_use": None,
            "service_tier": "standard",
        },
    }


def _pieces(reply: Reply) -> list[str]:
    if not reply.text:
        return []
    if not reply.split:
        return [reply.text]
    middle = max(1, len(reply.text) // 2)
    return [piece for piece in (reply.text[:middle], reply.text[middle:]) if piece]


def failure(error: WireError, request_id: str) -> dict[str, Any]:
    """The error object; the same request id stands in the header."""
    inner: dict[str, Any] = {"type": ERROR_TYPES.get(error.status, "api_error"), "message": error.message}
    if error.kind == "429-spend":
        inner["details"] = {"error_code": "enforced_spend_limit_reached"}
    return {"type": "error", "error": inner, "request_id": request_id}


def headers(request_id: str) -> dict[str, str]:
    """Headers of every answer; the rate-limit figures are fixed, because no clock may enter an answer."""
    limits = {}
    for what, limit in (("requests", 1000), ("tokens", 450_000), ("input-tokens", 400_000), ("output-tokens", 50_000)):
        limits[f"anthropic-ratelimit-{what}-limit"] = str(limit)
        limits[f"anthropic-ratelimit-{what}-remaining"] = str(limit - 1)
        limits[f"anthropic-ratelimit-{what}-reset"] = "2026-11-01T00:00:00Z"
    return {"content-type": "application/json", "request-id": request_id, **limits}


def model_object(row: models.Model) -> dict[str, Any]:
    """One ModelInfo."""
    return {
        "type": "model",
        "id": row.id,
        "display_name": row.display_name,
        "created_at": row.created_at,
        "lifecycle": row.lifecycle,
        "line": row.line,
        "deprecated_at": None,
        "retires_at": row.retires_at,
        "max_input_tokens": 1_000_000,
        "max_tokens": row.max_tokens,
        "capabilities": None,
    }


def model_page(query: dict[str, list[str]]) -> dict[str, Any]:
    """GET /v1/models with limit, after_id, before_id and lifecycle[]."""
    wanted = query.get("lifecycle[]") or query.get("lifecycle") or []
    rows = models.listed("anthropic", retired="retired" in wanted)
    rows = [row for row in rows if not wanted or row.lifecycle in wanted]
    ids = [row.id for row in rows]
    limit = (query.get("limit") or ["20"])[0]
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise bad("limit: Input should be a whole number from 1 to 1000")
    after, before = (query.get("after_id") or [""])[0], (query.get("before_id") or [""])[0]
    if after in ids:
        rows = rows[ids.index(after) + 1 :]
    elif before in ids:
        rows = rows[max(0, ids.index(before) - int(limit)) : ids.index(before)]
    page = rows[: int(limit)]
    return {
        "data": [model_object(row) for row in page],
        "has_more": len(rows) > len(page),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }
