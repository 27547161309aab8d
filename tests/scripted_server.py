"""A real HTTP server on loopback that answers by a script: one entry per request, in order.

An entry is (status, headers, body); body is bytes, str, or a dict that is sent as JSON. "cut" closes the
connection without an answer, ("slow", seconds) waits before it answers.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"input_tokens": 7, "output_tokens": 3}


def answer(*blocks: dict[str, Any], stop_reason: str = "end_turn", **fields: Any) -> tuple[int, dict, dict]:
    content = list(blocks) if blocks else [{"type": "text", "text": "Hello."}]
    return 200, {}, {"type": "message", "content": content, "stop_reason": stop_reason, "usage": USAGE, **fields}


def failure(
    status: int, kind: str, message: str = "no", headers: dict | None = None, **details: Any
) -> tuple[int, dict, dict]:
    error = {"type": kind, "message": message, **({"details": details} if details else {})}
    return status, {"request-id": "req_1", **(headers or {})}, {"type": "error", "error": error, "request_id": "req_1"}


class ScriptedServer:
    def __init__(self, script: list[Any]):
        self.script, self.seen = list(script), []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                server.seen.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
                entry = server.script.pop(0) if server.script else answer()
                if entry == "cut":
                    self.close_connection = True
                    self.connection.close()
                    return
                if entry[0] == "slow":
                    time.sleep(entry[1])
                    entry = answer()
                status, headers, payload = entry
                if isinstance(payload, dict):
                    payload = json.dumps(payload)
                data = payload.encode() if isinstance(payload, str) else payload
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass  # the client has gone, as in the time-out test

            def log_message(self, *args: Any) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"


@contextmanager
def serving(*script: Any) -> Iterator[ScriptedServer]:
    server = ScriptedServer(list(script))
    thread = threading.Thread(target=server.httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.httpd.shutdown()
        server.httpd.server_close()
