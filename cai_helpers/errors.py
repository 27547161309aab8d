"""What can go wrong in a call, and the sentence that tells a learner what to do about it."""

from __future__ import annotations

from typing import Any

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
    "missing_key": "There is no API key. Set the environment variable {variable} before Python starts, pass "
    'api_key=getpass.getpass(), or work without a key: connect("course").',
    "bad_key": "The API key holds a space or a character that no key has. Copy it once more.",
}


class LLMError(Exception):
    """A call that gave no usable answer. The message says what to do.

    type: the server's error type (https://platform.claude.com/docs/en/api/errors) or one of ours: "missing_key",
    "bad_key", "connection", "timeout", "not_json", "http_error", "refusal", "truncated", "empty".
    status: HTTP status, or None where nothing answered. request_id: for the vendor's support.
    attempts: requests sent for this call. text: what had arrived of an answer that cannot be used.
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
    ):
        super().__init__(message)
        self.type, self.status, self.request_id = type, status, request_id
        self.attempts, self.text = attempts, text


def read_error(response: requests.Response) -> tuple[str, str | None, str]:
    """Type, error_code and message of an API's error body; ("http_error", None, "") where it is not one."""
    try:
        error: dict[str, Any] = response.json()["error"]
        details = error.get("details") or {}
        return error["type"], details.get("error_code") or error.get("code"), str(error.get("message") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return "http_error", None, ""
