"""What can go wrong on the way: the faults a lesson can switch on, one per HTTP request.

Some faults replace the answer (a 429, a cut connection); others spoil it (truncated, split in two blocks).
Those named stream-... need a streamed answer and leave others alone: halfway, the connection breaks (stream-cut), an
error event comes (stream-error), or the stream ends politely, without its last events (stream-end).
A dict gives more control: {"fault": "429", "retry_after": 3}, {"latency": 2.5},
{"status": 418, "body": {...}, "headers": {...}}.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .shapes import Reply, WireError, WireResponse, count_tokens

HANG = 600.0  # seconds a request with the fault "timeout" waits when the client set no time-out


class Problem(NamedTuple):
    """An error answer: status, message, headers."""

    status: int
    message: str
    headers: dict[str, str] = {}


ERRORS: dict[str, Problem] = {
    "400": Problem(400, "The request was not understood (a fault that was switched on)."),
    "401": Problem(401, "invalid x-api-key"),
    "402": Problem(402, "Your credit balance is too low to access the API."),
    "403": Problem(403, "Your API key does not have permission to use the specified resource."),
    "404": Problem(404, "The requested resource could not be found."),
    "408": Problem(408, "The request took too long to arrive."),
    "409": Problem(409, "The request conflicts with another one."),
    "413": Problem(413, "Request exceeds the maximum size."),
    "429": Problem(429, "This request would exceed your rate limit. Please try again later.", {"retry-after": "1"}),
    "429-spend": Problem(429, "You have reached your spend limit for this month."),
    "500": Problem(500, "Internal server error"),
    "503": Problem(503, "The service is not available at the moment."),
    "504": Problem(504, "The request timed out on the server."),
    "529": Problem(529, "Overloaded"),
    "overload-ms": Problem(529, "Overloaded", {"retry-after-ms": "200"}),
}
TRANSPORT = ("cut", "timeout", "502-html", "not-json", "list-body", "empty-body")
SPOILED = ("truncated", "refusal", "empty", "thinking")
STREAMED = ("stream-cut", "stream-error", "stream-end")
NAMES = (*ERRORS, *TRANSPORT, *SPOILED, *STREAMED)
_DICT_KEYS = ("fault", "retry_after", "retry_after_ms", "latency", "status", "headers", "body", "message")


def check(item: Any) -> None:
    """Raise ValueError, naming what is known, unless `item` is None, a fault's name or a dict for one."""
    if item is None:
        return
    name = item.get("fault") if isinstance(item, dict) else item
    if isinstance(item, dict):
        strange = [key for key in item if key not in _DICT_KEYS]
        if strange or not item:
            raise ValueError(f"A fault given as a dict takes the keys {', '.join(_DICT_KEYS)}; got {list(item)}.")
        if name is None:
            return
    if name not in NAMES:
        raise ValueError(f"There is no fault {name!r}; the known ones are {', '.join(NAMES)}.")


def as_dict(item: Any) -> dict[str, Any]:
    """The fault as a dict; {} for None."""
    if item is None:
        return {}
    return dict(item) if isinstance(item, dict) else {"fault": item}


def raise_error(fault: dict[str, Any]) -> None:
    """Raise the WireError that this fault stands for, if it is an error answer in the vendor's shape."""
    name, status = fault.get("fault"), fault.get("status")
    problem = ERRORS.get(name or "")
    if problem is None and (status is None or "body" in fault or status < 400):
        return
    headers = {**(problem.headers if problem else {}), **fault.get("headers", {})}
    if "retry_after" in fault:
        headers["retry-after"] = str(fault["retry_after"])
    if "retry_after_ms" in fault:
        headers["retry-after-ms"] = str(fault["retry_after_ms"])
    message = fault.get("message") or (problem.message if problem else "A fault that was switched on.")
    raise WireError(status or (problem.status if problem else 500), message, kind=name or str(status), headers=headers)


def transport(fault: dict[str, Any], request_headers: dict[str, str]) -> WireResponse | None:
    """The response for a fault of the transport (no vendor's shape), or None when this is not one."""
    name, json_type = fault.get("fault"), {"content-type": "application/json", **request_headers}
    if name in ("cut", "timeout"):
        return WireResponse(0, {}, b"", cut=True)
    if name == "502-html":
        page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        return WireResponse(502, {"content-type": "text/html"}, page)
    if name == "not-json":
        return WireResponse(200, json_type, b'{"type": "message", "content": [{"type": "te')
    if name == "list-body":
        return WireResponse(200, json_type, b"[]")
    if name == "empty-body":
        return WireResponse(200, json_type, b"")
    if "body" in fault:
        body = fault["body"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return WireResponse(fault.get("status", 200), {**json_type, **fault.get("headers", {})}, raw)
    return None


def break_stream(fault: dict[str, Any], answer: WireResponse, error_event: bytes) -> None:
    """Let a streamed answer fail halfway, if this fault says so."""
    name = fault.get("fault")
    if answer.events is None or name not in STREAMED:
        return
    middle = len(answer.events) // 2
    event = answer.events[middle]
    ends = {"stream-cut": [event[: len(event) // 2]], "stream-error": [error_event], "stream-end": []}
    answer.events = [*answer.events[:middle], *ends[name]]
    answer.body, answer.cut = b"".join(answer.events), name == "stream-cut"


def spoil(fault: dict[str, Any], reply: Reply) -> Reply:
    """The reply after a fault that changes what is said, not whether an answer comes."""
    name = fault.get("fault")
    if name == "truncated":
        return Reply(reply.text[: len(reply.text) // 2].rstrip(), stop="length")
    if name == "refusal":
        return Reply("", stop="refusal")
    if name == "empty":
        return Reply("")
    if name == "thinking":
        return Reply(
            reply.text,
            reply.stop,
            reply.stop_sequence,
            thinking="Let me look at this step by step.",
            split=True,
            odds=reply.odds,
        )
    return reply


def shorten(reply: Reply, max_tokens: int | None, stops: tuple[str, ...]) -> Reply:
    """The reply within the asked limits: first the stop sequences, then max_tokens (4 characters each)."""
    hits = [(reply.text.find(stop), stop) for stop in stops if stop and stop in reply.text]
    if hits:
        position, stop = min(hits)
        reply.text, reply.stop, reply.stop_sequence = reply.text[:position], "stop_sequence", stop
    thought = count_tokens(reply.thinking or "")
    if max_tokens is not None and thought + count_tokens(reply.text) > max_tokens:
        reply.text = reply.text[: max(0, max_tokens - thought) * 4]
        reply.stop, reply.stop_sequence = "length", None
    return reply
