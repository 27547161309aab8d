"""What a call costs over a socket: a plain `requests.Session`, the course's client, and the two official packages.

Run: python benchmarks/wire.py     (prints milliseconds per call, wall and processor time, and the ratio to the Session)
Budget: the client takes at most 1.3 times the Session's time on the same server.
The server is a child process on loopback with canned answers, so that what is measured is the client. With
--course it is `python -m cai_helpers serve`, the course model behind the same door: slower, and the same for all.
The four take turns, so that a busy moment of the machine hits all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import requests

from cai_helpers import connect
from cai_helpers.wire import WIRES

ROUNDS, BUDGET = 400, 1.3
KEY, MODEL = "benchmark-needs-no-key", "course-model-1"
SYSTEM, QUESTION = "You are a helpful assistant.", "Write a haiku about autumn."
TEXT = "Leaves let go at dusk,\none by one they learn the ground,\nand the wind moves on."
CHOICE = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop", "logprobs": None}
CHAT = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [CHOICE]}
CHAT["usage"] = {"prompt_tokens": 17, "completion_tokens": 20, "total_tokens": 37}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn"}
MESSAGE |= {"content": [{"type": "text", "text": TEXT}], "usage": {"input_tokens": 17, "output_tokens": 20}}


class Canned(BaseHTTPRequestHandler):
    """Answers at once: one send per answer, no waiting for the network card (TCP_NODELAY)."""

    protocol_version, disable_nagle_algorithm, wbufsize = "HTTP/1.1", True, -1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        data = json.dumps(CHAT if self.path.endswith("completions") else MESSAGE).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def serve_canned() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()  # until the parent closes the pipe


def callers(url: str) -> dict[str, Callable[[], str]]:
    """One function per client that asks the question and gives the text."""
    found = {}
    for wire, row in WIRES.items():
        base = url if wire == "anthropic" else f"{url}/v1"
        found[f"requests.Session, {wire}"] = plain(wire, base + row["path"])
        client = connect("openai" if wire == "openai" else "anthropic", api_key=KEY, base_url=base, model=MODEL)
        found[f"cai_helpers, {wire}"] = lambda client=client: client.call(SYSTEM, QUESTION)
        if find_spec(wire) is not None:
            found[f"{wire} package"] = package(wire, base)
        else:
            print(f"The {wire} package is missing: python -m pip install -r requirements-dev.txt")
    return found


def plain(wire: str, url: str) -> Callable[[], str]:
    """The floor: a pooled session, one POST, the JSON of the reply."""
    session, row = requests.Session(), WIRES[wire]
    body = row["build"](MODEL, SYSTEM, QUESTION)
    headers = {"anthropic-version": "2023-06-01", row["key"][0]: row["key"][1] + KEY}

    def ask() -> str:
        reply = session.post(url, headers=headers, json=body, timeout=(5, 120)).json()
        text = reply["content"][0]["text"] if wire == "anthropic" else reply["choices"][0]["message"]["content"]
        return str(text)

    return ask


def package(wire: str, base: str) -> Callable[[], str]:
    """The vendor's official package."""
    turn = [{"role": "user", "content": QUESTION}]
    if wire == "anthropic":
        import anthropic

        ours = anthropic.Anthropic(api_key=KEY, base_url=base)
        return lambda: ours.messages.create(model=MODEL, max_tokens=4096, system=SYSTEM, messages=turn).content[0].text
    import openai

    theirs = openai.OpenAI(api_key=KEY, base_url=base)
    both = [{"role": "system", "content": SYSTEM}, *turn]
    return lambda: (
        theirs.chat.completions.create(model=MODEL, max_tokens=4096, messages=both).choices[0].message.content
    )


def measure(clients: dict[str, Callable[[], str]], rounds: int) -> dict[str, tuple[float, float]]:
    """Median milliseconds of wall time per call, and mean milliseconds of processor time."""
    wall: dict[str, list[float]] = {name: [] for name in clients}
    processor = dict.fromkeys(clients, 0.0)
    for call in clients.values():
        assert call()  # opens the connection
    for _ in range(rounds):
        for name, call in clients.items():
            start, used = time.perf_counter(), time.process_time()
            call()
            wall[name].append((time.perf_counter() - start) * 1000)
            processor[name] += (time.process_time() - used) * 1000
    return {name: (statistics.median(wall[name]), processor[name] / rounds) for name in clients}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--course", metavar="URL", help="the address of a running `python -m cai_helpers serve`")
    parser.add_argument("--serve-canned", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve_canned:
        serve_canned()
        return 0
    command = [sys.executable, __file__, "--serve-canned"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        port = server.stdout.readline().strip()
        figures = measure(callers(options.course or f"http://127.0.0.1:{port}"), options.rounds)
        server.stdin.close()
    print(f"{'client':30}{'ms a call':>10}{'CPU ms':>10}{'ratio':>8}")
    worst = 0.0
    for name, (wall, processor) in figures.items():
        floor = figures[f"requests.Session, {'openai' if 'openai' in name else 'anthropic'}"][0]
        print(f"{name:30}{wall:10.2f}{processor:10.2f}{wall / floor:8.2f}")
        worst = max(worst, wall / floor) if name.startswith("cai_helpers") else worst
    print(f"The course's client: {worst:.2f} times the Session; at most {BUDGET} wanted.")
    return int(worst > BUDGET)


if __name__ == "__main__":
    sys.exit(main())
