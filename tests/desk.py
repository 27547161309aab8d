"""A service desk for tests: the course model behind an adapter that answers some requests by a script of its own.

A script is a function of the stage ("generate", "critique", "revise", "recheck") and the request's body. It gives None
(the course model answers), a text (an answer of the model), a pair of status and body, or an exception to raise.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import BaseAdapter

from cai_helpers import Client, connect

GOOD = "Please open Settings, then Statements, and choose the month you need."
BAD = "You will get a full refund of 80 euros by Friday, I promise."
ASK = "Where do I find my statements?"
PASS = '{"reasoning": "It only explains a menu.", "quotes": [], "verdict": "NOT VIOLATED"}'
Script = Callable[[str, dict[str, Any]], Any]


def said(text: str | None, stop_reason: str = "end_turn", **fields: Any) -> tuple[int, dict[str, Any]]:
    """An answer of the model on Anthropic's format."""
    content = [] if text is None else [{"type": "text", "text": text}]
    usage = {"input_tokens": 7, "output_tokens": 3}
    return 200, {"type": "message", "content": content, "stop_reason": stop_reason, "usage": usage, **fields}


class Desk(BaseAdapter):
    def __init__(self, script: Script, inner: BaseAdapter):
        super().__init__()
        self.script, self.inner = script, inner
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.revised, self.lock = False, threading.Lock()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        body = json.loads(request.body or b"{}")
        system = body.get("system", "")
        with self.lock:
            stage = "generate"
            if "review a reply" in system:
                stage = "recheck" if self.revised else "critique"
            elif "rewrite a reply" in system:
                stage = "revise"
                self.revised = True
            self.asked[stage] += 1
            self.bodies.append(body)
        got = self.script(stage, body)
        if got is None:
            return self.inner.send(request, **options)
        if isinstance(got, Exception):
            raise got
        status, reply = said(got) if isinstance(got, str) else got
        response = requests.Response()
        response.status_code, response.url, response.request = status, str(request.url), request
        response.headers["content-type"] = "application/json"
        response._content = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        return response

    def close(self) -> None:
        pass


def desk(script: Script = lambda stage, body: None, **options: Any) -> tuple[Client, Desk]:
    """A connected client on the course model behind a script, and the adapter that remembers what was asked."""
    made: list[Desk] = []

    def transport(client: Client, inner: BaseAdapter) -> Desk:
        made.append(Desk(script, inner))
        return made[0]

    client = connect("course", transport=transport, sleep=lambda seconds: None, **options)
    return client, made[0]
