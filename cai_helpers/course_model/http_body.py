"""How a server reads the body of a request: within a size, within a time, and not one byte too many.

HTTP/1.1 framing: https://www.rfc-editor.org/rfc/rfc9112#section-6 (Content-Length and chunked).
"""

from __future__ import annotations

import io
import socket
import time
from email.message import Message

LINE = 1024  # bytes: the longest line between two chunks


class BadBody(Exception):
    """A body that is not taken: the HTTP status to answer with, and one sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class BodyReader:
    """Reads one request's body from `file`, which buffers `connection`; `patience` is the seconds for all of it."""

    def __init__(self, file: io.BufferedReader, connection: socket.socket, limit: int, patience: float) -> None:
        self.file, self.connection, self.limit = file, connection, limit
        self.end = time.monotonic() + patience

    def read(self, headers: Message) -> bytes:
        """The whole body, b"" without one. BadBody where it is too long, too slow, cut short or wrongly framed."""
        size = declared(headers, self.limit)
        try:
            return self._chunks() if size is None else self._exactly(size)
        except TimeoutError:
            raise BadBody(408, "The rest of the request did not arrive in time.") from None

    def _exactly(self, size: int) -> bytes:
        parts, missing = [], size
        while missing:
            self._hurry()
            part = self.file.read1(min(missing, 2**16))
            if not part:
                raise BadBody(400, f"The request body ended after {size - missing} of {size} bytes.")
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)

    def _hurry(self) -> None:
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.connection.settimeout(left)

    def _chunks(self) -> bytes:
        parts, total = [], 0
        while size := self._chunk_size():
            total += size
            if total > self.limit:
                raise too_long(self.limit)
            parts.append(self._exactly(size))
            if self._line():
                raise BadBody(400, "A chunk of the request body is longer than it says.")
        for _ in range(100):  # trailers, which nobody needs
            if not self._line():
                return b"".join(parts)
        raise BadBody(400, "The request has too many trailers.")

    def _chunk_size(self) -> int:
        word = self._line().partition(b";")[0].strip()
        if not word or len(word) > 15 or word.strip(b"0123456789abcdefABCDEF"):
            raise BadBody(400, "A chunk of the request body has no valid size.")
        return int(word, 16)

    def _line(self) -> bytes:
        self._hurry()
        line = self.file.readline(LINE)
        if not line.endswith(b"\n"):
            raise BadBody(400, "The request body ended within a chunk, or a line of it is too long.")
        return line.rstrip(b"\r\n")


def declared(headers: Message, limit: int) -> int | None:
    """The length that the headers announce; None for chunked coding. BadBody where it is impossible or too much."""
    coding = ", ".join(headers.get_all("transfer-encoding") or []).strip().lower()
    sizes = {size.strip() for size in headers.get_all("content-length") or []}
    if coding:
        if sizes:
            raise BadBody(400, "A request has Content-Length or Transfer-Encoding, not both.")
        if coding != "chunked":
            raise BadBody(501, "Of the transfer codings, only chunked is understood.")
        return None
    if not sizes:
        return 0
    size = sizes.pop()
    if sizes or not size.isascii() or not size.isdigit() or len(size) > 18:
        raise BadBody(400, "Content-Length is not one whole number.")
    if int(size) > limit:
        raise too_long(limit)
    return int(size)


def too_long(limit: int) -> BadBody:
    """What a body over the limit is told."""
    return BadBody(413, f"Request exceeds the maximum size of {limit // 2**20} MB.")
