"""The second door: the course model behind a real socket, for every program that speaks one of the two wire formats.

    with serve(latency=0.5, faults=["429"]) as server:   # in a thread; all switches of the course model
        anthropic.Anthropic(base_url=server.url, api_key="any")
        openai.OpenAI(base_url=server.openai_url, api_key="any")

    python -m cai_helpers serve --port 8099               # the same, as a program

HTTP/1.1 by the standard library, one thread per connection: https://docs.python.org/3/library/http.server.html. What
is said is decided by the handler, as in the process; here is only what a socket needs.
"""

from __future__ import annotations

import ipaddress
import json
import os
import socket
import socketserver
import sys
import threading
import time
import traceback
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .handler import CourseModel
from .http_body import BadBody, BodyReader, declared
from .request import MAX_BODY
from .shapes import WireResponse

IDLE = 300.0  # seconds a connection may wait for its next request
PATIENCE = 30.0  # seconds for a request to arrive as a whole, and for a client to take its answer
WATCH = 0.5  # seconds between two looks whether the client of a slow answer is still there
REASONS = {**responses, 529: "Overloaded"}


def serve(
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    model: CourseModel | None = None,
    patience: float = PATIENCE,
    **switches: Any,
) -> LocalServer:
    """Start the course model on this address, in threads of this process, and return the running server.

    port: 0 takes a free one. model: shares one; else switches make a new one (TypeError or ValueError for bad ones).
    patience: seconds for a request to arrive whole. Use it in `with`, or call stop(). OSError where the port is taken;
    RuntimeError in a browser, which opens no port.
    """
    if sys.platform == "emscripten":
        raise RuntimeError('A browser opens no port. Leave the server out: connect("course") needs none.')
    if model is None:
        model = CourseModel(**switches)
    elif switches:
        model.change(**switches)
    return LocalServer(model, host, port, patience)


def is_loopback(host: str) -> bool:
    """Whether only programs on this computer reach this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class LocalServer:
    """A running server. `model` is its CourseModel (change switches at any time with `model.change`).

    url: the base_url for Anthropic's wire; openai_url: the one for OpenAI's.
    """

    def __init__(self, model: CourseModel, host: str, port: int, patience: float) -> None:
        self.model = model
        self._sockets = _Sockets(host, port, model, patience)
        self.host, self.port = host, self._sockets.server_address[1]
        self._thread = threading.Thread(target=self._sockets.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        own = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)
        return f"http://{f'[{own}]' if ':' in own else own}:{self.port}"

    @property
    def openai_url(self) -> str:
        return self.url + "/v1"

    def __repr__(self) -> str:
        return f"LocalServer({self.url!r}, {self.model!r})"

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self, grace: float = 2.0) -> None:
        """Take no more requests, let those in work finish for `grace` seconds, then close what is left."""
        if self._thread.is_alive():
            self._sockets.shutdown()
            self._thread.join()
            self._sockets.close_all(grace)


class _Sockets(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024  # connections that may wait to be accepted; with the usual 5, a crowd is reset
    allow_reuse_address = os.name == "posix"  # on Windows it would let two servers share a port

    def __init__(self, host: str, port: int, model: CourseModel, patience: float) -> None:
        self.model, self.patience = model, patience
        self.closing, self.cutting = threading.Event(), threading.Event()
        self._open: dict[socket.socket, bool] = {}  # whether a request is in work
        self._changed = threading.Condition()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Door)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # HTTPServer's would ask the name service who we are: slow
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open[request] = False
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        with self._changed:
            self._open.pop(request, None)
            self._changed.notify_all()

    def close_all(self, grace: float) -> None:
        """After the last accept: idle connections end now, those at work in `grace` seconds at the latest."""
        self.server_close()
        self.closing.set()
        with self._changed:
            self._shut(socket.SHUT_RD, idle=True)
            self._changed.wait_for(lambda: not self._open, grace)
            self.cutting.set()
            self._shut(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._open, 1.0)

    def set_busy(self, connection: socket.socket, busy: bool) -> None:
        """A request has begun, or has been answered."""
        with self._changed:
            self._open[connection] = busy

    def _shut(self, how: int, idle: bool = False) -> None:
        for connection in [one for one, busy in self._open.items() if not (idle and busy)]:
            try:
                connection.shutdown(how)
            except OSError:
                pass  # it has just closed by itself

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that has gone is no error of ours
            traceback.print_exc()


class _Door(BaseHTTPRequestHandler):
    """One connection, request after request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer on a kept connection waits 40 ms for an acknowledgement
    server: _Sockets
    connection: socket.socket

    def handle_one_request(self) -> None:
        """As the base class, with one time-out between requests and another within one."""
        self.command, self.path, self.close_connection = "", "/", True
        try:
            self.connection.settimeout(IDLE)
            if not self.rfile.peek(1):  # type: ignore[attr-defined]
                return  # the client has closed
            self.connection.settimeout(self.server.patience)
            self.server.set_busy(self.connection, True)
            super().handle_one_request()
        except OSError:
            self.close_connection = True  # gone, or silent for too long
        self.server.set_busy(self.connection, False)
        self.close_connection = self.close_connection or self.server.closing.is_set()

    def answer(self) -> None:
        """Any method but OPTIONS."""
        try:
            body = BodyReader(self.rfile, self.connection, MAX_BODY, self.server.patience).read(self.headers)  # type: ignore[arg-type]
        except BadBody as problem:
            self._refuse(problem.status, problem.message)
            return
        self.connection.settimeout(self.server.patience)
        if self.command in ("GET", "HEAD") and self.path in ("/", "/health"):
            self._send(_about())
            return
        headers = dict(self.headers.items())
        try:
            answer = self.server.model.handle(self.command, self.path, headers, body, self._wait)
        except OSError:
            raise  # the client has gone
        except Exception:
            traceback.print_exc()
            self._refuse(500, "Internal server error")
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = answer

    def do_OPTIONS(self) -> None:
        """What a browser asks before a page may send a request: yes, with every header that it wants to send."""
        asked = " ".join(self.headers.get("access-control-request-headers", "*").split())  # no line breaks
        allowed = {"access-control-allow-methods": "GET, POST, OPTIONS", "access-control-allow-headers": asked}
        if self.headers.get("access-control-request-private-network"):
            allowed["access-control-allow-private-network"] = "true"
        self._send(WireResponse(204, {**allowed, "access-control-max-age": "600"}, b""))

    def handle_expect_100(self) -> bool:
        """A client that asks before it sends is told at once that its body is too long."""
        try:
            declared(self.headers, MAX_BODY)
        except BadBody as problem:
            self._refuse(problem.status, problem.message)
            return False
        return super().handle_expect_100()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class says about a malformed request, as JSON."""
        self._refuse(int(code), message or REASONS.get(int(code), "Bad request"))

    def _refuse(self, status: int, message: str) -> None:
        """Answer, and close: what follows on this connection may be anything."""
        headers = dict(getattr(self, "headers", {}) or {})
        self.close_connection = True
        self._send(self.server.model.refuse(self.command or "GET", self.path, headers, status, message))
        self._drain()

    def _drain(self) -> None:
        """Read on and throw away: closing with bytes unread would reset the connection, perhaps before the client
        has read the answer."""
        self.connection.shutdown(socket.SHUT_WR)
        end = time.monotonic() + self.server.patience
        while (left := end - time.monotonic()) > 0:
            self.connection.settimeout(left)
            if not self.connection.recv(2**16):
                return

    def _send(self, answer: WireResponse) -> None:
        if answer.events is not None:
            self._stream(answer)
        elif answer.cut:
            self.close_connection = True
        else:
            empty = answer.status == 204 or self.command == "HEAD"
            length = {} if answer.status == 204 else {"content-length": str(len(answer.body))}
            self.wfile.write(self._head(answer, length) + (b"" if empty else answer.body))

    def _stream(self, answer: WireResponse) -> None:
        """Event by event in chunked coding; HTTP/1.0 knows none, there the end of the connection is the end."""
        chunked = self.request_version != "HTTP/1.0"
        self.close_connection = self.close_connection or answer.cut or not chunked
        self.wfile.write(self._head(answer, {"transfer-encoding": "chunked"} if chunked else {}))
        for event in answer.events or ():
            if answer.pace:
                self._wait(answer.pace)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
        if chunked and not answer.cut:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, answer: WireResponse, framing: dict[str, str]) -> bytes:
        self.close_connection = self.close_connection or self.server.closing.is_set()
        own = {name: value for name, value in answer.headers.items() if name.lower() != "content-length"}
        lines = {
            **own,
            **framing,
            "date": self.date_time_string(),
            "connection": "close" if self.close_connection else "keep-alive",
            "access-control-allow-origin": "*",
            "access-control-expose-headers": ", ".join(own),
        }
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        reason = REASONS.get(answer.status, "")
        return f"HTTP/1.1 {answer.status} {reason}\r\n{text}\r\n".encode("latin-1", "replace")

    def _wait(self, seconds: float) -> None:
        """Let the time pass; ConnectionError when the client has gone, or the server stops."""
        sleep = self.server.model.switches.sleep
        if sleep is not time.sleep:
            sleep(seconds)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.server.cutting.wait(min(left, WATCH)) or (left > WATCH and self._gone()):
                raise ConnectionAbortedError("Nobody waits for this answer any more.")

    def _gone(self) -> bool:
        """Whether the client has closed its side."""
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        finally:
            self.connection.settimeout(self.server.patience)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: a request's headers hold a key."""


def _about() -> WireResponse:
    """GET / and GET /health, without a key: that the server runs, and where it listens."""
    paths = ["/v1/messages", "/v1/messages/count_tokens", "/v1/chat/completions", "/v1/models"]
    body = json.dumps({"status": "ok", "model": "course-model-1", "paths": paths}).encode()
    return WireResponse(200, {"content-type": "application/json"}, body)
