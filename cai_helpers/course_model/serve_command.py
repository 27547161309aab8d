"""`python -m cai_helpers serve`: the local server as a program, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import json
import signal
import sys
import threading

from .handler import CourseModel
from .server import LocalServer, is_loopback, serve

WARNING = "Warning: {host} can be reached from other computers, and the server lets everybody in, with any key."


def serve_command(host: str, port: int, latency: str, pace: float, faults: str, seed: int) -> int:
    """Run the server until a signal stops it. Returns 0; 1 where the address cannot be used, 2 for wrong options."""
    try:
        model = CourseModel(latency=_latency(latency), pace=pace, faults=_faults(faults), seed=seed)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        server = serve(port, host, model=model)
    except (OSError, OverflowError) as error:
        print(
            f"Cannot listen on {host}, port {port}: {error}. Choose another --port; 0 is a free one.", file=sys.stderr
        )
        return 1
    stopped = _on_signal()
    _warm_up()
    if not is_loopback(host):
        print(WARNING.format(host=host), file=sys.stderr)
    print(_greeting(server), flush=True)
    while not stopped.wait(0.5):  # with a time-out: on Windows, a wait without one does not hear Ctrl-C
        pass
    server.stop()
    return 0


def _latency(text: str) -> float | tuple[float, float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2):
        raise ValueError(f"--latency takes seconds, such as 0.5, or a range, such as 0.2,0.8; not {text!r}.")
    return numbers[0] if len(numbers) == 1 else (numbers[0], numbers[1])


def _faults(text: str) -> list[str | None]:
    names = [name.strip() for name in text.split(",")] if text.strip() else []
    return [None if name in ("", "none") else name for name in names]


def _warm_up() -> None:
    """Read the texts now, so that the first request does not wait for them."""
    hello = {"model": "course-model-1", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"x-api-key": "any", "anthropic-version": "2026-10-21"}
    CourseModel().handle("POST", "/v1/messages", headers, json.dumps(hello).encode())


def _greeting(server: LocalServer) -> str:
    return (
        f"The course model listens at {server.url}; any key will do. Ctrl-C stops it.\n"
        f'  Anthropic: base_url="{server.url}"\n'
        f'  OpenAI:    base_url="{server.openai_url}"'
    )


def _on_signal() -> threading.Event:
    """What Ctrl-C and SIGTERM set from now on."""
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    return stopped
