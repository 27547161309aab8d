"""Who answers: `connect` chooses the server, the model and the key, and makes the client that `call_llm` uses.

The only place that knows addresses, default models and keys, and the only one that reaches the course model.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import requests

from cai_helpers.client import Client, use_client
from cai_helpers.errors import ADVICE, LLMError

ANTHROPIC_URL = "https://api.anthropic.com"
API_VERSION = "2023-06-01"  # the version that still takes a temperature; 2026-10-21 refuses it for every model
DEFAULT_MODEL = {"course": "course-model-1", "anthropic": "claude-haiku-5-5"}
CLIENT_OPTIONS = ("timeout", "max_attempts", "sleep")
PLACEHOLDERS = {"your-key-here", "your-api-key", "..."}

COURSE_BADGE = (
    "course-model-1: the course's own offline model. Deterministic, authored, not a language model. "
    'connect("anthropic") turns to a live one.'
)


def connect(
    backend: str | None = None,
    *,
    model: str | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    **options: Any,
) -> Client:
    """Choose who answers, and make that client the one that `call_llm` uses.

    backend: "course" (offline, no key) or "anthropic"; without one, the environment variable CAI_BACKEND, else
    "course". model, base_url: for a live backend, also from CAI_MODEL and CAI_BASE_URL; base_url without /v1.
    api_key: for a live backend, also from ANTHROPIC_API_KEY.
    options: timeout (seconds, or a pair for connecting and reading), max_attempts, sleep; for "course" also the
    switches of the course model (`cai_helpers.course_model.SWITCHES`).
    LLMError for a missing or impossible key; ValueError for an unknown backend, option or address.
    """
    backend = backend or os.environ.get("CAI_BACKEND") or "course"
    if backend not in DEFAULT_MODEL:
        known = " or ".join(f'"{name}"' for name in DEFAULT_MODEL)
        raise ValueError(f'There is no backend "{backend}". Use {known}.')
    if backend == "course":
        return use_client(_course_client(model, base_url, options))
    model = model or os.environ.get("CAI_MODEL") or DEFAULT_MODEL[backend]
    address = check_address(base_url or os.environ.get("CAI_BASE_URL") or ANTHROPIC_URL)
    key = check_key(api_key or os.environ.get("ANTHROPIC_API_KEY") or "", "ANTHROPIC_API_KEY")
    badge = f"{model} at {address}: a live model. Its answers vary, and calls cost money."
    client = _client(model, address, key, options, badge)
    return use_client(client)


def _course_client(model: str | None, base_url: str | None, options: dict[str, Any]) -> Client:
    from cai_helpers import course_model

    if base_url is not None:
        raise ValueError('The course model has no address: leave base_url out, or use connect("anthropic", ...).')
    switches = {name: value for name, value in options.items() if name not in CLIENT_OPTIONS or name == "sleep"}
    chosen = {name: value for name, value in options.items() if name in CLIENT_OPTIONS}
    model = model or DEFAULT_MODEL["course"]
    client = _client(model, ANTHROPIC_URL, "course-model-needs-no-key", chosen, COURSE_BADGE, live=False)
    course_model.mount(client.session, **switches)
    return client


def _client(model: str, base_url: str, key: str, options: dict[str, Any], badge: str, live: bool = True) -> Client:
    unknown = sorted(set(options) - set(CLIENT_OPTIONS))
    if unknown:
        raise ValueError(f'There is no option "{unknown[0]}". A live backend knows {", ".join(CLIENT_OPTIONS)}.')
    headers = {"anthropic-version": API_VERSION}
    if live and sys.platform == "emscripten":  # without it a browser may not call the API
        headers["anthropic-dangerous-direct-browser-access"] = "true"
    sign, hide = keep_key(key)
    takes = takes_temperature(model)
    return Client(model, base_url, headers, sign, hide, badge=badge, takes_temperature=takes, **options)


def check_key(key: str, variable: str) -> str:
    """The key without white space around it. LLMError where there is none, or it cannot be one."""
    key = key.strip()
    if not key or key.lower() in PLACEHOLDERS:
        raise LLMError(ADVICE["missing_key"].format(variable=variable), type="missing_key", attempts=0)
    if not re.fullmatch(r"[!-~]+", key):
        raise LLMError(ADVICE["bad_key"], type="bad_key", attempts=0)
    return key


def check_address(base_url: str) -> str:
    """The address without a final slash or /v1. ValueError where it is not one."""
    address = base_url.strip().rstrip("/").removesuffix("/v1")
    if not re.match(r"https?://[^/\s]+", address):
        raise ValueError(f'base_url must begin with http:// or https://, not "{base_url}".')
    return address


def keep_key(
    key: str,
) -> tuple[Callable[[requests.PreparedRequest], requests.PreparedRequest], Callable[[str], str]]:
    """Two functions that share the key and show it to nobody: `sign` puts it on a request, `hide` blanks it in text."""
    written = (key, json.dumps(key)[1:-1])

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["x-api-key"] = key
        return request

    def hide(text: str) -> str:
        for form in written:
            text = text.replace(form, "[hidden]") if len(form) >= 8 else text
        return text

    return sign, hide


def takes_temperature(model: str) -> bool:
    """Whether sampling parameters may be sent: Claude 4.7 and later refuse them, whatever the API version."""
    found = re.search(r"claude-(?:[a-z]+-)*(\d+)(?:-(\d{1,2})(?!\d))?", model)
    return not found or (int(found[1]), int(found[2] or 0)) < (4, 7)
