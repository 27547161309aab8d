"""A slow model server for timing: each answer takes a while, in Anthropic's format, and pages may call it (CORS)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {
    "type": "message",
    "content": [{"type": "text", "text": "Nothing breaks the principle.\nVerdict: NOT VIOLATED"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 7, "output_tokens": 3},
}


class Handler(BaseHTTPRequestHandler):
    """Answers each POST after `seconds`; a path that holds "closed" allows no page to read it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    seconds = 1.0
    seen: list[dict[str, str]]

    def do_OPTIONS(self) -> None:
        """What a browser asks before it sends a key."""
        self.reply(204, b"")

    def do_POST(self) -> None:
        """One answer."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append({name.lower(): value for name, value in self.headers.items()})
        time.sleep(self.seconds)
        self.reply(200, json.dumps(ANSWER).encode())

    def reply(self, status: int, body: bytes) -> None:
        """Send it, with leave for all pages."""
        self.send_response(status)
        if "closed" not in self.path:
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Allow-Headers", "*")
            self.send_header("Access-Control-Allow-Methods", "POST, OPTIONS")
            self.send_header("Access-Control-Max-Age", "600")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Silent."""


class Server(ThreadingHTTPServer):
    """Many calls at once."""

    daemon_threads = True
    request_queue_size = 64


@contextmanager
def answering(seconds: float = 1.0) -> Iterator[tuple[str, type[Handler]]]:
    """(address, handler) of a running server; handler.seen holds the headers of each call."""
    handler = type("Slow", (Handler,), {"seconds": seconds, "seen": []})
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()
