"""The OpenAI counter: Chat Completions and Models, with the vendor's fields, headers and errors."""

from __future__ import annotations

import math
from typing import Any

from . import models
from .ask_openai import parse
from .shapes import Ask, Reply, WireError, count_tokens

__all__ = ["failure", "headers", "model_object", "model_page", "parse", "success"]
CREATED = 1_793_491_200  # 2026-11-01, fixed: no clock may enter an answer
FINISH = {"end": "stop", "length": "length", "stop_sequence": "stop", "refusal": "stop"}
ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "billing_not_active"),
    403: ("invalid_request_error", "permission_denied"),
    404: ("invalid_request_error", None),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("server_error", "server_is_overloaded"),
    529: ("server_error", "server_is_overloaded"),
}
REFUSAL = "I'm sorry, but I can't help with that."


def success(ask: Ask, replies: list[Reply], ident: str) -> dict[str, Any]:
    """The chat.completion object, one choice per reply. `ident` starts with chatcmpl-."""
    prompt = count_tokens(ask.system) + sum(count_tokens(turn.text) + 3 for turn in ask.turns) + 3
    thought = sum(count_tokens(reply.thinking or "") for reply in replies)
    output = max(1, sum(count_tokens(reply.text) for reply in replies) + thought)
    return {
        "id": ident,
        "object": "chat.completion",
        "created": CREATED,
        "model": ask.model,
        "choices": [_choice(ask, reply, index) for index, reply in enumerate(replies)],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": output,
            "total_tokens": prompt + output,
            "completion_tokens_details": {"reasoning_tokens": thought},
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_course",
    }


def _choice(ask: Ask, reply: Reply, index: int) -> dict[str, Any]:
    refused = reply.stop == "refusal"
    message = {"role": "assistant", "content": None if refused else reply.text, "refusal": REFUSAL if refused else None}
    logprobs = None if ask.top_logprobs is None else {"content": _token_logprobs(ask, reply), "refusal": None}
    return {"index": index, "message": message, "finish_reason": FINISH[reply.stop], "logprobs": logprobs}


def _token_logprobs(ask: Ask, reply: Reply) -> list[dict[str, Any]]:
    """Log-probabilities per token. Only the first token of a choice has a real distribution (Reply.odds)."""
    first = next((token for token in reply.odds if reply.text.startswith(token)), "")
    rest = reply.text[len(first) :]
    tokens = ([first] if first else []) + [rest[i : i + 4] for i in range(0, len(rest), 4)]
    entries = [
        _logprob(token, reply.odds[token] if token == first and i == 0 and first else 1.0)
        for i, token in enumerate(tokens)
    ]
    for i, entry in enumerate(entries):
        ranked = sorted(reply.odds.items(), key=lambda item: -item[1]) if i == 0 and first else []
        rows = [_logprob(token, p) for token, p in ranked] or [dict(entry)]
        entry["top_logprobs"] = rows[: ask.top_logprobs or 0]
    return entries


def _logprob(token: str, probability: float) -> dict[str, Any]:
    value = round(math.log(probability), 6) if probability > 0 else -9999.0
    return {"token": token, "logprob": value, "bytes": list(token.encode())}


def failure(error: WireError) -> dict[str, Any]:
    """The error object."""
    kind, code = ERRORS.get(error.status, ("server_error" if error.status >= 500 else "invalid_request_error", None))
    if error.kind == "429-spend":
        kind, code = "insufficient_quota", "insufficient_quota"
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code or code}}


def headers(request_id: str) -> dict[str, str]:
    """Headers of every answer; the figures are fixed."""
    return {
        "content-type": "application/json",
        "x-request-id": request_id,
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-tokens": "1999000",
        "x-ratelimit-reset-tokens": "30ms",
    }


def model_object(row: models.Model) -> dict[str, Any]:
    """One model."""
    return {
        "id": row.id,
        "object": "model",
        "created": CREATED,
        "owned_by": "course" if row.vendor == "both" else row.vendor,
        "shutdown_date": row.retires_at[:10] if row.retires_at else None,
    }


def model_page() -> dict[str, Any]:
    """GET /v1/models."""
    return {"object": "list", "data": [model_object(row) for row in models.listed("openai")]}
