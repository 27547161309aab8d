"""One request at the desk: where it goes, what it carries, whether its key passes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from . import chance
from .shapes import WireError

MAX_BODY = 32 * 1024 * 1024


MESSAGES, COUNT, CHAT, MODELS = "/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions", "/v1/models"


class Request:
    """One request as the desk sees it: where it goes, what it carries, how often it came."""

    def __init__(self, method: str, url: str, headers: dict[str, str], body: bytes) -> None:
        parts = _split(url)
        self.method, self.path = method.upper(), parts.path.rstrip("/") or "/"
        self.query = parse_qs(parts.query)
        self.headers = {str(k).lower(): _text(v) for k, v in (headers or {}).items()}
        self.body = body or b""
        self.vendor = self._vendor(parts.netloc)
        self.data, self.json_error = _load(self.body)
        self.key = chance.body_key(self.path, self.body, self.data)
        self.arrival = 0

    def _vendor(self, host: str) -> str:
        if self.path == CHAT:
            return "openai"
        if self.path in (MESSAGES, COUNT) or "anthropic-version" in self.headers or "x-api-key" in self.headers:
            return "anthropic"
        return "anthropic" if "anthropic" in host else "openai"


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # an address such as http://[ is none
        return SplitResult("", "", url, "", "")


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _load(body: bytes) -> tuple[Any, str]:
    try:
        return json.loads(body), ""
    except (ValueError, RecursionError) as error:
        return None, str(error)[:120]


def json_body(request: Request) -> Any:
    if request.json_error:
        raise WireError(400, f"The request body is not valid JSON: {request.json_error}")
    return request.data


def check_method(request: Request, method: str) -> None:
    if request.method != method:
        raise WireError(405, f"Method {request.method[:10]} is not allowed here; use {method}.")


def not_found(request: Request) -> WireError:
    """The 404 of an unknown path, with a hint where a base_url was given in the other vendor's habit."""
    hint = ""
    if request.path.startswith("/v1/v1/"):
        hint = " Leave /v1 out of base_url."
    elif "/v1" + request.path in (MESSAGES, COUNT, CHAT, MODELS):
        hint = " Add /v1 to base_url."
    return WireError(404, f"Not found: {request.method[:10]} {request.path[:80]}{hint}")


def check_key(request: Request) -> None:
    """Both auth headers count. The message never repeats the key. A web page must say that it knows what it does."""
    if request.vendor == "anthropic" and "origin" in request.headers:
        if request.headers.get("anthropic-dangerous-direct-browser-access") != "true":
            raise WireError(401, "CORS requests must set 'anthropic-dangerous-direct-browser-access' header")
    bearer = request.headers.get("authorization", "")
    key = request.headers.get("x-api-key", "").strip() or bearer.partition(" ")[2].strip()
    if not key:
        text = (
            "x-api-key header is required"
            if request.vendor == "anthropic"
            else "You didn't provide an API key. Send it in an Authorization header: Bearer KEY."
        )
        raise WireError(401, text)
    lowered = key.lower()
    if lowered == "your-key-here" or "wrong" in lowered or "invalid" in lowered:
        raise WireError(401, "invalid x-api-key" if request.vendor == "anthropic" else "Incorrect API key provided.")
