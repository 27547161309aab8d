"""What can go wrong in a call, and the sentence that tells a learner what to do about it."""

from __future__ import annotations

import json
from typing import Any, TypedDict

import requests

ADVICE = {
    # The model answered, but not usably (HTTP 200).
    "refusal": "The model declined to answer (stop_reason refusal). Rephrase the request or use another model.",
    "truncated": "The answer was cut off at the token limit. Raise max_tokens, or ask for less.",
    "empty": "The answer holds no text. Ask again, or raise max_tokens if the model spends them on thinking.",
    # The server answered with an error.
    "authentication_error": "The server refused the API key. Check it for a missing or an extra character.",
    "permission_error": "This key may not do that. Check its workspace and permissions.",
    "billing_error": "The account cannot pay for the call. Check its billing page.",
    "not_found_error": "The server does not know this model, or the model is retired. Name a current one with "
    "connect(..., model=...) or the environment variable CAI_MODEL.",
    "conflict_error": "The request met another one. Try again in a minute.",
    "invalid_request_error": "The server does not accept this request. Read what it says and change the request.",
    "request_too_large": "The request is too large. Shorten the texts that you send.",
    "rate_limit_error": "Too many requests. Wait a little, or send fewer at once.",
    "overloaded_error": "The server is overloaded. Try again in a minute.",
    "api_error": "The server failed. Try again in a minute.",
    "timeout_error": "The server took too long. Try again, or ask for less.",
    "spent": 'The spending limit is reached and waiting does not help. Raise the limit, or use connect("course").',
    "too_long": "The server asks to wait {wait:.0f} s; this client waits {limit} s at most. Try again later.",
    "cors": "The server takes no calls from a web page without the header anthropic-dangerous-direct-browser-access: "
    "true. connect(...) sends it in the browser; in a call of your own, add it.",
    # An answer that arrived in pieces, or that had to be JSON.
    "cut": "The answer broke off before its end. What had arrived is no answer. Ask again.",
    "invalid_json": "The model's answer does not fit: {problem}. Ask again, make the schema simpler, or use a "
    "stronger model.",
    # What answered is not the API.
    "redirect": "The address answers with a redirect. Give the final address as base_url; a key is not sent on.",
    "not_json": "The server's answer is not JSON. Check that base_url is the address of an API.",
    "http_error": "The server answered with an error that is not the API's. Check base_url, or try again later.",
    # Nothing answered.
    "timeout": "{url} did not answer in time. Try again, or raise timeout= in connect(...).",
    "connection": "No connection to {url}. Check the address, and that the server runs.",
    "browser": "The browser hides why {url} did not answer: the server may be off, or it does not allow calls "
    "from this page (CORS).",
    # Nothing was sent.
    "not_recorded": "Not in the recording: {reason}\n"
    'Record it with connect(backend, record="file.jsonl"), or ask as it was recorded.',
    "key_in_recording": "This exchange holds your API key, so it is not recorded. Take the key out of the text; if it "
    "has been sent to a server that shows it, take a new one.",
    "no_model": "{reason} Name a model with connect(..., model=...) or the environment variable CAI_MODEL.",
    "missing_key": "There is no API key. Set the environment variable {variable} before Python starts, pass "
    'api_key=getpass.getpass(), or work without a key: connect("course").',
    "bad_key": "The API key holds a space or a character that no key has. Copy it once more.",
}


BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
BY_CODE = {  # an error inside a stream has no status of its own
    "invalid_api_key": 401,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
    "slow_down": 429,
    "insufficient_quota": 429,
    "server_is_overloaded": 503,
}


class LLMError(Exception):
    """A call that gave no usable answer. The message says what to do.

    type: Anthropic's error type (https://platform.claude.com/docs/en/api/errors), also for other servers, or one of
    ours: "missing_key", "bad_key", "no_model", "connection", "timeout", "not_json", "http_error", "refusal",
    "truncated", "empty", "cut", "invalid_json", "not_recorded", "key_in_recording".
    status: HTTP status, or None where nothing answered. request_id: for the vendor's support.
    attempts: requests sent for this call. text: what had arrived of an answer that cannot be used.
    code, param, said: the error_code, the parameter and the sentence of the server's error, where it has them.
    """

    def __init__(
        self,
        message: str,
        *,
        type: str,
        status: int | None = None,
        request_id: str | None = None,
        attempts: int = 1,
        text: str = "",
        code: str | None = None,
        param: str | None = None,
        said: str = "",
    ):
        super().__init__(message)
        self.type, self.status, self.request_id = type, status, request_id
        self.attempts, self.text = attempts, text
        self.code, self.param, self.said = code, param, said


class ServerError(TypedDict):
    """What an error body says, in one form for all servers."""

    type: str
    code: str | None
    param: str | None
    message: str


def read_error(response: requests.Response) -> ServerError:
    """What the body of an error response says; type "http_error" where it is not an API's."""
    try:
        return name_error(response.json(), response.status_code)
    except ValueError:
        return {"type": "http_error", "code": None, "param": None, "message": ""}


def name_error(body: Any, status: int) -> ServerError:
    """Type, code, parameter and message of an error body.

    Anthropic names the type; other servers have types of their own, so theirs follows from the status, or from the
    code where the error stands in a stream. Also read: an error that is a mere text (Ollama), one without the outer
    object (older vLLM), and FastAPI's "detail".
    """
    body = body if isinstance(body, dict) else {}
    error = body if body.get("object") == "error" else body.get("error")
    found = error if isinstance(error, dict) else {"message": error}
    details = found.get("details")
    code = _text(details.get("error_code") if isinstance(details, dict) else None) or _text(found.get("code"))
    kind = _text(found.get("type")) if body.get("type") == "error" else None
    if not kind:
        status = BY_CODE.get(code or "", status)
        other = "api_error" if status >= 500 or status < 300 else "invalid_request_error"
        kind = BY_STATUS.get(status, other) if error else "http_error"
    detail = body.get("detail")
    message = _text(found.get("message")) or _text(detail) or (json.dumps(detail) if detail else "")
    return {"type": kind, "code": code, "param": _text(found.get("param")), "message": message}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
