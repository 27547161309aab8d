"""A real HTTP server on loopback that answers by a script: one entry per request, in order.

An entry is (status, headers, body); body is bytes, str, or a dict that is sent as JSON. "cut" closes the
connection without an answer, ("slow", seconds) waits before it answers. A body that is a list is sent piece by piece
in chunked coding, as a stream; a piece "cut" closes the connection there. An entry may also be a function of the
request's body. GET is answered by `models`, or by the one model that `one` has under the last part of the path.
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
CHAT_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def answer(*blocks: dict[str, Any], stop_reason: str = "end_turn", **fields: Any) -> tuple[int, dict, dict]:
    content = list(blocks) if blocks else [{"type": "text", "text": "Hello."}]
    return 200, {}, {"type": "message", "content": content, "stop_reason": stop_reason, "usage": USAGE, **fields}


def chat_answer(
    text: str | None = "Hello.", finish_reason: str = "stop", refusal: str | None = None
) -> tuple[int, dict, dict]:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return 200, {}, {"object": "chat.completion", "choices": [choice], "usage": CHAT_USAGE}


def failure(
    status: int, kind: str, message: str = "no", headers: dict | None = None, **details: Any
) -> tuple[int, dict, dict]:
    error = {"type": kind, "message": message, **({"details": details} if details else {})}
    return status, {"request-id": "req_1", **(headers or {})}, {"type": "error", "error": error, "request_id": "req_1"}


def chat_failure(
    status: int, code: str | None, message: str = "no", param: str | None = None, headers: dict | None = None
) -> tuple[int, dict, dict]:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    return status, {"x-request-id": "req_1", **(headers or {})}, {"error": error}


def stream(*pieces: bytes | str, headers: dict | None = None) -> tuple[int, dict, list]:
    kind = {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}
    return 200, kind, [piece.encode() if isinstance(piece, str) and piece != "cut" else piece for piece in pieces]


class ScriptedServer:
    def __init__(self, script: list[Any], models: Any = None):
        self.script, self.seen, self.asked = list(script), [], []
        self.models, self.one = models, {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                server.asked.append(self.path)
                name = self.path.rpartition("/")[2]
                if name in server.one:
                    return self.reply(200, {}, server.one[name])
                found = server.models(self.path) if callable(server.models) else server.models
                status = 404 if found is None else 200
                self.reply(status, {}, {"error": {"message": "no"}} if found is None else {"data": found})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                server.seen.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
                entry = server.script.pop(0) if server.script else answer()
                if callable(entry):
                    entry = entry(server.seen[-1]["body"])
                if entry == "cut":
                    self.close_connection = True
                    self.connection.close()
                    return
                if entry[0] == "slow":
                    time.sleep(entry[1])
                    entry = answer()
                self.reply(*entry)

            def reply(self, status: int, headers: dict, payload: Any) -> None:
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if isinstance(payload, list):
                        self.send_pieces(payload)
                        return
                    if isinstance(payload, dict):
                        payload = json.dumps(payload)
                    data = payload.encode() if isinstance(payload, str) else payload
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:
                    pass  # the client has gone, as in the time-out test

            def send_pieces(self, pieces: list[Any]) -> None:
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for piece in pieces:
                    if piece == "cut":
                        self.close_connection = True
                        return
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *args: Any) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"


@contextmanager
def serving(*script: Any, models: Any = None) -> Iterator[ScriptedServer]:
    server = ScriptedServer(list(script), models)
    thread = threading.Thread(target=server.httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.httpd.shutdown()
        server.httpd.server_close()
