"""The reception desk: one function from an HTTP request to an HTTP response.

Both doors use it unchanged: the requests adapter in this process and a server over sockets. It decides
which counter (wire) a request belongs to, checks the key, lets the switched-on faults happen, asks the
brain for the reply and packs it.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from . import chance, faults, models, streaming, switches, wire_anthropic, wire_openai
from .request import (
    CHAT,
    COUNT,
    MAX_BODY,
    MESSAGES,
    MODELS,
    Request,
    check_key,
    check_method,
    json_body,
    not_found,
)
from .shapes import Ask, Reply, WireError, WireResponse

Answer = dict[str, Any] | list[bytes]  # a JSON object, or the events of a streamed answer


class CourseModel:
    """The offline model behind both wire formats. Keyword arguments are the switches (see `SWITCHES`).

    `requests_seen` counts HTTP requests, faults included. Safe to call from several threads.
    """

    def __init__(self, **values: Any) -> None:
        self.switches = switches.make(values)
        self.requests_seen = 0
        self._lock = threading.Lock()
        self._arrivals: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._faults = deque(self.switches.faults)
        self._in_flight = 0

    def __repr__(self) -> str:
        return f"CourseModel(seed={self.switches.seed}, requests_seen={self.requests_seen})"

    def change(self, **values: Any) -> CourseModel:
        """Set switches from now on; a new `faults` list replaces what was left of the old one."""
        fresh = switches.make(values, self.switches)
        with self._lock:
            self.switches = fresh
            if "faults" in values:
                self._faults = deque(fresh.faults)
        return self

    def reset(self) -> CourseModel:
        """Forget every request seen, so that the same calls give the same answers again."""
        with self._lock:
            self._arrivals.clear()
            self._answers.clear()
            self._faults = deque(self.switches.faults)
            self.requests_seen = 0
        return self

    def handle(
        self, method: str, url: str, headers: dict[str, str], body: bytes, wait: Callable[[float], object] | None = None
    ) -> WireResponse:
        """Answer one HTTP request.

        `url` may be absolute or a path with its query. `wait(seconds)` lets the latency pass; a door whose
        client gives up earlier raises from it, and the request then counts as not answered.
        """
        request = Request(method, url, headers, body)
        fault, crowded = self._enter(request)
        request_id = chance.name("req_", self.switches.seed, request.key, request.arrival)
        try:
            pause = self._pause(request, fault)
            if pause:
                (wait or self.switches.sleep)(pause)
            return self._respond(request, fault, crowded, request_id)
        except WireError as error:
            return _pack_error(request, error, request_id)
        finally:
            with self._lock:
                self._in_flight -= 1

    def refuse(self, method: str, url: str, headers: dict[str, str], status: int, message: str) -> WireResponse:
        """An error in the vendor's shape for a request that a door does not let in: too big, cut short, malformed."""
        request = Request(method, url, headers, b"")
        with self._lock:
            self.requests_seen += 1
            request_id = chance.name("req_", self.switches.seed, status, self.requests_seen)
        return _pack_error(request, WireError(status, message), request_id)

    def _enter(self, request: Request) -> tuple[dict[str, Any], bool]:
        with self._lock:
            self.requests_seen += 1
            request.arrival = self._arrivals[request.key]
            self._arrivals[request.key] += 1
            self._in_flight += 1
            listed = self._faults.popleft() if self._faults else None
            limit = self.switches.rate_limit
            crowded = limit is not None and self._in_flight > limit
        return faults.as_dict(listed) or self._fault_by_rate(request), crowded

    def _fault_by_rate(self, request: Request) -> dict[str, Any]:
        point = chance.draw(self.switches.seed, request.key, request.arrival, "fault")
        for name, rate in self.switches.fault_rates.items():
            if point < rate:
                return {"fault": name}
            point -= rate
        return {}

    def _pause(self, request: Request, fault: dict[str, Any]) -> float:
        if fault.get("fault") == "timeout":
            return faults.HANG
        if "latency" in fault:
            return float(fault["latency"])
        latency = self.switches.latency
        if isinstance(latency, tuple):
            low, high = latency
            return low + (high - low) * chance.draw(self.switches.seed, request.key, request.arrival, "latency")
        return latency

    def _respond(self, request: Request, fault: dict[str, Any], crowded: bool, request_id: str) -> WireResponse:
        if crowded:
            faults.raise_error({"fault": "429", "message": "Too many requests are in flight at once."})
        faults.raise_error(fault)
        broken = faults.transport(fault, _id_headers(request, request_id))
        if broken is not None:
            return broken
        check_key(request)
        answer = _pack(request, self._route(request, fault), request_id)
        answer.pace = self.switches.pace
        faults.break_stream(fault, answer, _overloaded(request, request_id))
        return answer

    def _route(self, request: Request, fault: dict[str, Any]) -> Answer:
        post = {MESSAGES: self._messages, COUNT: self._count, CHAT: self._chat}.get(request.path)
        if post is not None:
            check_method(request, "POST")
            if len(request.body) > MAX_BODY:
                raise WireError(413, "Request exceeds the maximum size of 32 MB.")
            return post(request, fault)
        if request.path == MODELS or request.path.startswith(MODELS + "/"):
            check_method(request, "GET")
            return _models(request)
        raise not_found(request)

    def _messages(self, request: Request, fault: dict[str, Any]) -> Answer:
        version = wire_anthropic.check_version(request.headers)
        ask = wire_anthropic.parse(json_body(request), version)
        occurrence, replies = self._answer(request, ask, fault)
        ident = chance.name("msg_", self.switches.seed, request.key, occurrence)
        signature = chance.name("sig", request.key, occurrence, length=40)
        message = wire_anthropic.success(ask, replies, ident, signature)
        return streaming.of_message(message) if ask.stream else message

    def _count(self, request: Request, fault: dict[str, Any]) -> Answer:
        version = wire_anthropic.check_version(request.headers)
        ask = wire_anthropic.parse(json_body(request), version, counting=True)
        return {"input_tokens": wire_anthropic.input_tokens(ask)}

    def _chat(self, request: Request, fault: dict[str, Any]) -> Answer:
        ask = wire_openai.parse(json_body(request))
        occurrence, replies = self._answer(request, ask, fault)
        ident = chance.name("chatcmpl-", self.switches.seed, request.key, occurrence)
        completion = wire_openai.success(ask, replies, ident)
        return streaming.of_completion(completion, ask.stream_usage) if ask.stream else completion

    def _answer(self, request: Request, ask: Ask, fault: dict[str, Any]) -> tuple[int, list[Reply]]:
        from . import brain  # its data is read on first use, not on import

        with self._lock:
            occurrence = self._answers[request.key]
            self._answers[request.key] += 1
        replies = []
        for choice in range(ask.choices):

            def roll(purpose: str, choice: int = choice) -> float:
                return chance.draw(self.switches.seed, request.key, occurrence, choice, purpose)

            reply = faults.spoil(fault, brain.answer(ask, self.switches, roll, occurrence))
            if ask.thinking and reply.thinking is None:
                reply.thinking = ""
            replies.append(faults.shorten(reply, ask.max_tokens, ask.stop))
        return occurrence, replies


def _models(request: Request) -> dict[str, Any]:
    if request.vendor == "anthropic":
        wire_anthropic.check_version(request.headers)
    ident = request.path[len(MODELS) + 1 :]
    wire: Any = wire_anthropic if request.vendor == "anthropic" else wire_openai
    if not ident:
        return wire_anthropic.model_page(request.query) if request.vendor == "anthropic" else wire_openai.model_page()
    row = models.known(ident, request.vendor)
    if row is None:
        models.find(ident, request.vendor)
    result: dict[str, Any] = wire.model_object(row)
    return result


def _id_headers(request: Request, request_id: str) -> dict[str, str]:
    wire: Any = wire_anthropic if request.vendor == "anthropic" else wire_openai
    result: dict[str, str] = wire.headers(request_id)
    return result


def _overloaded(request: Request, request_id: str) -> bytes:
    """The event with which a stream fails halfway."""
    error = WireError(529, "Overloaded")
    if request.vendor == "anthropic":
        return streaming.event(wire_anthropic.failure(error, request_id), "error")
    return streaming.event(wire_openai.failure(error))


def _pack(request: Request, data: Answer, request_id: str, status: int = 200) -> WireResponse:
    if isinstance(data, list):
        headers = {**_id_headers(request, request_id), **streaming.HEADERS}
        return WireResponse(status, headers, b"".join(data), events=data)
    body = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
    return WireResponse(status, {**_id_headers(request, request_id), "content-length": str(len(body))}, body)


def _pack_error(request: Request, error: WireError, request_id: str) -> WireResponse:
    if request.vendor == "anthropic":
        data = wire_anthropic.failure(error, request_id)
    else:
        data = wire_openai.failure(error)
        error.status = 503 if error.status == 529 else error.status
    response = _pack(request, data, request_id, error.status)
    response.headers.update(error.headers)
    return response
