"""Chapter 01: one raw HTTP call to a language model, and what makes it reliable.

In the order of the lesson: what is sent, what comes back, what may be tried again and when,
the loop that does so, the client that meters and traces, and the one function that all later chapters call.

Wire format: https://platform.claude.com/docs/en/api/messages. The other format, and what differs between models,
is in `cai_helpers.wire`.
"""

from __future__ import annotations

import json
import math
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from cai_helpers.errors import ADVICE, LLMError, read_error

TIMEOUT = (5, 120)  # seconds: to connect, and between two pieces of the answer
MAX_WAIT = 120  # seconds: a server that asks for a longer wait is not waited for
POOL = 64  # connections that stay open between calls
SPENT = {"enforced_spend_limit_reached", "contract_spend_limit_reached", "insufficient_quota"}
TRACED_HEADERS = {"content-type", "request-id", "x-request-id", "retry-after", "retry-after-ms", "x-should-retry"}


def build_payload(
    model: str,
    system_prompt: str,
    user_message: str,
    temperature: float | None = None,
    max_tokens: int = 4096,
) -> dict[str, Any]:
    """The JSON body of POST /v1/messages. A temperature of None is not sent."""
    payload: dict[str, Any] = {"model": model, "max_tokens": max_tokens}
    if system_prompt:
        payload["system"] = system_prompt
    if temperature is not None:
        payload["temperature"] = temperature
    payload["messages"] = [{"role": "user", "content": user_message}]
    return payload


def read_text(reply: dict[str, Any]) -> str:
    """All text blocks of an answer, joined. LLMError (refusal, truncated, empty) where it cannot be used."""
    blocks = [block for block in reply.get("content") or [] if isinstance(block, dict)]
    text = "".join(block.get("text") or "" for block in blocks if block.get("type") == "text")
    reason = reply.get("stop_reason")
    if reason == "refusal":
        problem = "refusal"
    elif reason in ("max_tokens", "model_context_window_exceeded"):
        problem = "truncated"
    elif not text.strip():
        problem = "empty"
    else:
        return text
    raise LLMError(ADVICE[problem], type=problem, status=200, text=text)


def should_retry(status: int, headers: Mapping[str, str], code: str | None = None) -> bool:
    """Whether the same request may succeed later. `code` is the error_code of the error body, if it has one."""
    if code in SPENT:
        return False
    if headers.get("x-should-retry") in ("true", "false"):
        return headers["x-should-retry"] == "true"
    return status in (408, 409, 429) or status >= 500


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: retry-after-ms, or retry-after in seconds or as a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
    try:
        return parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def seconds_to_wait(headers: Mapping[str, str], attempt: int) -> float:
    """Seconds before the next attempt: what the server asks for, else 0.5, 1, 2, ... 8, less up to a quarter."""
    asked = asked_wait(headers)
    if asked is not None and math.isfinite(asked) and asked > 0:
        return asked
    return min(8.0, 0.5 * 2 ** (attempt - 1)) * (1 - 0.25 * random.random())


def send(client: Client, payload: dict[str, Any], note: str = "") -> dict[str, Any]:
    """POST the payload until an answer comes, at most `client.max_attempts` times. Gives the reply's JSON."""
    for attempt in range(1, client.max_attempts + 1):
        response, failure = client.post(payload, attempt, note)
        reply = read_json(response)
        if reply is not None and response is not None and response.status_code == 200:
            return reply
        error, wait = explain(client, response, failure, attempt)
        if wait is None or attempt == client.max_attempts:
            break
        client.sleep(wait)
    raise error


def explain(
    client: Client, response: requests.Response | None, failure: str, attempt: int
) -> tuple[LLMError, float | None]:
    """What a failed attempt means, and the seconds to wait before the next (None: another is of no use)."""
    if response is None:
        advice = ADVICE[failure].format(url=client.base_url)
        return LLMError(advice, type=failure, attempts=attempt), seconds_to_wait({}, attempt)
    status, headers = response.status_code, response.headers
    found = read_error(response)
    kind, code = "not_json" if status == 200 else found["type"], found["code"]
    message = client.hide(found["message"])[:1000]  # cut after hiding: half a key is still a secret
    wait = seconds_to_wait(headers, attempt) if status == 200 or should_retry(status, headers, code) else None
    advice = ADVICE.get(kind, ADVICE["http_error"])
    if code in SPENT:
        advice = ADVICE["spent"]
    elif "anthropic-dangerous-direct-browser-access" in message:
        advice = ADVICE["cors"]
    elif 300 <= status < 400:
        advice = ADVICE["redirect"]
    elif wait is not None and wait > MAX_WAIT:
        advice, wait = ADVICE["too_long"].format(wait=wait, limit=MAX_WAIT), None
    request_id = headers.get("request-id") or headers.get("x-request-id")
    facts = ", ".join(filter(None, [f"HTTP {status}", kind, request_id]))
    said = f' The server said: "{message}".' if message and status != 200 else ""
    error = LLMError(f"{advice}{said} ({facts})", type=kind, status=status, request_id=request_id, attempts=attempt)
    error.code, error.param, error.said = code, found["param"], message
    return error, wait


def read_json(response: requests.Response | None) -> dict[str, Any] | None:
    """The JSON object that a response holds, or None where it holds something else."""
    try:
        reply = None if response is None else response.json()
    except ValueError:
        return None
    return reply if isinstance(reply, dict) else None


def no_usage() -> dict[str, float]:
    """A meter at zero."""
    return {"calls": 0, "input_tokens": 0, "output_tokens": 0, "seconds": 0.0}


_meters: ContextVar[tuple[dict[str, float], ...]] = ContextVar("meters", default=())
_counting = threading.Lock()


@contextmanager
def metered(usage: dict[str, float] | None = None) -> Iterator[dict[str, float]]:
    """Count what is called inside this block, by whichever client, beside what other threads do meanwhile.

    usage: a meter to go on with. A thread that is started inside counts where it runs in a copy of this context
    (`contextvars.copy_context().run`)."""
    usage = no_usage() if usage is None else usage
    token = _meters.set((*_meters.get(), usage))
    try:
        yield usage
    finally:
        _meters.reset(token)


class Client:
    """One server, one model, one pooled session. Made by `connect`, which knows the addresses and the keys.

    usage: requests sent (calls), input_tokens, output_tokens, seconds; summed over the life of this client.
    trace: the last 50 exchanges as plain dicts. No key is in them: `sign` adds it as a request leaves, and
    `hide` takes it out of whatever a server sends back.
    wire: the wire format, a row of `wire.WIRES`. takes: what the model takes, a row of `wire.FAMILIES`.
    refused: parameters that this server has refused, with the name that is sent instead, or "".
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        headers: dict[str, str],
        sign: Callable[[requests.PreparedRequest], requests.PreparedRequest],
        hide: Callable[[str], str],
        *,
        timeout: float | tuple[float, float] = TIMEOUT,
        max_attempts: int = 3,
        sleep: Callable[[float], None] = time.sleep,
        takes_temperature: bool | None = None,
        badge: str = "",
        wire: str = "anthropic",
        session: requests.Session | None = None,
    ):
        from cai_helpers import wire as formats  # it builds on the functions above

        if max_attempts < 1:
            raise ValueError("max_attempts must be 1 or more.")
        self.model, self.base_url, self.headers = model, base_url, headers
        self.sign, self.hide = sign, hide
        self.timeout, self.max_attempts, self.sleep, self.badge = timeout, max_attempts, sleep, badge
        self._formats: Any = formats
        self.wire, self.takes = formats.WIRES[wire], formats.takes(model)
        self.takes_temperature = self.takes["temperature"] if takes_temperature is None else takes_temperature
        self.refused: dict[str, str] = {}
        self.session = session or requests.Session()
        if session is None:
            for scheme in ("http://", "https://"):  # as many connections kept open as critics may ask at once
                self.session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=POOL))
        self.usage = no_usage()
        self.trace: deque[dict[str, Any]] = deque(maxlen=50)

    def call(
        self,
        system_prompt: str,
        user_message: str,
        temperature: float | None = None,
        max_tokens: int = 4096,
    ) -> str:
        """One question, one answer as text. LLMError, with advice, where there is none."""
        question = (self.model, system_prompt, user_message, temperature, max_tokens)
        return self.wire["read"](self.ask(lambda: self.wire["build"](*question)))

    def ask(self, build: Callable[[], dict[str, Any]], send: Callable[..., Any] = send) -> Any:
        """Send what `build` gives, as this model takes it. A parameter that the server refuses is not sent again."""
        healed = 0
        while True:
            payload, note = self._formats.fit(self, build())
            try:
                return send(self, payload, note)
            except LLMError as error:
                name = self._formats.refused_parameter(self, error, payload)
                error.attempts += healed
                if not name:
                    from cai_helpers.model_list import name_models

                    name_models(self, error)
                    raise
                self.refused[name], healed = self.wire["remedies"][name], healed + 1

    def post(self, payload: dict[str, Any], attempt: int = 1, note: str = "") -> tuple[requests.Response | None, str]:
        """One request, metered and traced: the response and "", or None and what failed.

        An answer in pieces ("stream": true) comes back unread; who reads it calls `record`.
        """
        facts = {"attempt": attempt, "note": note}
        return self._exchange("POST", self.wire["path"], facts, json=payload)

    def get(self, path: str) -> tuple[requests.Response | None, str]:
        """GET from the same server, metered and traced as `post`."""
        return self._exchange("GET", path, {"attempt": 1, "note": ""})

    def _exchange(
        self, method: str, path: str, facts: dict[str, Any], **body: Any
    ) -> tuple[requests.Response | None, str]:
        request = self.session.get if method == "GET" else self.session.post
        streams = "json" in body and body["json"].get("stream") is True
        response, failure, start = None, "", time.perf_counter()
        try:
            response = request(
                url=f"{self.base_url}{path}",
                headers=self.headers,
                auth=self.sign,
                timeout=self.timeout,
                allow_redirects=False,  # a key must not travel on to another host
                stream=streams,
                **body,
            )
            if streams and self._formats.is_stream(response):
                return response, ""
            response.content  # noqa: B018 - read here, where a broken connection is caught
        except requests.Timeout:
            response, failure = None, "timeout"
        except requests.RequestException:
            response, failure = None, "browser" if sys.platform == "emscripten" else "connection"
        facts["seconds"] = time.perf_counter() - start
        reply = read_json(response) or failure or ("" if response is None else self.hide(response.text)[:2000])
        self.record(method, path, body.get("json", {}), response, reply, facts)
        return response, failure

    def record(
        self,
        method: str,
        path: str,
        payload: dict[str, Any],
        response: requests.Response | None,
        reply: Any,
        facts: dict[str, Any],
    ) -> None:
        """Count an exchange that has ended, and keep it in the trace without the key. facts: attempt, note, seconds."""
        exchange = {
            "method": method,
            "url": f"{self.base_url}{path}",
            "headers": {**self.headers, self.wire["key"][0]: "[hidden]"},
            "body": payload,
            "status": None if response is None else response.status_code,
            "reply_headers": {k: v for k, v in _headers(response).items() if k.lower() in TRACED_HEADERS},
            "reply": reply,
            **facts,
        }
        tokens = self._formats.read_usage(reply) if isinstance(reply, dict) else {}
        kept = json.loads(self.hide(json.dumps(exchange)))
        with _counting:
            self.trace.append(kept)
            for usage in (self.usage, *_meters.get()):
                usage["calls"] += 1
                usage["seconds"] += facts["seconds"]
                for name, count in tokens.items():
                    usage[name] += count

    def __repr__(self) -> str:
        return self.badge or f"{self.model} at {self.base_url}"


def _headers(response: requests.Response | None) -> Mapping[str, str]:
    return {} if response is None else response.headers


_current: Client | None = None


def current_client() -> Client:
    """The client that `call_llm` uses: the one made last by `connect`, or the one that the environment names."""
    if _current is None:
        from cai_helpers.connection import connect

        connect()
    assert _current is not None
    return _current


def use_client(client: Client) -> Client:
    """Make this client the one that `call_llm` uses."""
    global _current
    _current = client
    return client


def call_llm(system_prompt: str, user_message: str, temperature: float | None = None, max_tokens: int = 4096) -> str:
    """Ask the connected model once and give its text. LLMError, with advice, where there is none."""
    return current_client().call(system_prompt, user_message, temperature, max_tokens)
