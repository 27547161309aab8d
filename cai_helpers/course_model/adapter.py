"""The in-process door: a requests transport adapter, so that `requests` code needs no server and no network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from .handler import CourseModel
from .shapes import WireResponse


class CourseAdapter(BaseAdapter):
    """Sends every request to a CourseModel instead of the network.

    Latency above the read time-out waits the time-out and raises requests.ReadTimeout; a cut connection
    raises requests.ConnectionError. A streamed answer arrives piece by piece with `stream=True`, as over a network;
    one that breaks in the middle raises requests.exceptions.ChunkedEncodingError.
    """

    def __init__(self, model: CourseModel) -> None:
        super().__init__()
        self.model = model

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The requests.Response for `request`; see the class for the errors raised."""
        limit = _read_timeout(timeout)

        def wait(seconds: float) -> None:
            sleep = self.model.switches.sleep
            if limit is not None and seconds > limit:
                sleep(limit)
                raise requests.ReadTimeout(f"Read timed out. (read timeout={limit})", request=request)
            sleep(seconds)

        raw: Any = request.body or b""
        if not isinstance(raw, (str, bytes)):
            raw = b"".join(raw)  # a body that was given as an iterator
        body = raw.encode("utf-8") if isinstance(raw, str) else raw
        answer = self.model.handle(request.method or "GET", request.url or "/", dict(request.headers), body, wait)
        if answer.cut and answer.events is None:
            raise requests.ConnectionError(
                "Connection aborted: the server closed it without an answer.", request=request
            )
        return _response(request, answer, wait)

    def close(self) -> None:
        """Nothing is held open."""


def _read_timeout(timeout: Any) -> float | None:
    if isinstance(timeout, tuple):
        timeout = timeout[1] if len(timeout) > 1 else timeout[0]
    return getattr(timeout, "read_timeout", timeout)


class _Raw(io.BytesIO):
    """A body that stands where requests expects urllib3's response."""

    def release_conn(self) -> None:
        """No connection to give back."""


class _Stream(io.RawIOBase):
    """The same for an answer that arrives in chunks: reading it raises what urllib3 raises."""

    chunked = True

    def __init__(self, answer: WireResponse, wait: Callable[[float], None]) -> None:
        super().__init__()
        self._answer, self._wait = answer, wait
        self._events, self._left = iter(answer.events or ()), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Bytes of one event at most; 0 at the end."""
        self._left = self._left or self._next()
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _next(self) -> bytes:
        event = next(self._events, None)
        if event is None:
            if self._answer.cut:
                raise ProtocolError("Connection broken: the server closed it in the middle of an answer.")
            return b""
        if self._answer.pace:
            try:
                self._wait(self._answer.pace)
            except requests.ReadTimeout as error:
                pool: Any = None  # there is none
                raise ReadTimeoutError(pool, "", str(error)) from None
        return event

    def stream(self, amt: int | None = None, decode_content: bool = True) -> Iterator[bytes]:
        """Each event as it arrives, in parts of at most `amt` bytes: what requests reads."""
        while part := self.read(amt or 2**20):
            yield part

    def release_conn(self) -> None:
        """No connection to give back."""


def _response(
    request: requests.PreparedRequest, answer: WireResponse, wait: Callable[[float], None]
) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.raw = _Raw(answer.body) if answer.events is None else _Stream(answer, wait)
    response.encoding = "utf-8"
    response.url = request.url or ""
    response.request = request
    response.reason = _REASONS.get(answer.status, "")
    return response


_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    529: "Overloaded",
}
