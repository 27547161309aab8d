"""Start kernels for the grader quickly (Linux): one process loads everything once and forks a copy for each file.

Most of the time that a notebook takes is its kernel's start, and most of that is importing. The worker starts this file
as a process, and asks it for each kernel. A copy has everything of its own, memory, group, folder; what one learner's
code does cannot reach another's. Where there is no fork to rely on, the worker starts kernels as everybody does.

Run as a file by grade_worker.py, which also uses `Server` from here.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

# What a kernel imports while it starts, as far as importing starts nothing: debugpy alone takes a fifth of a second.
LOADED = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.completer", "IPython.core.completerlib",
    "IPython.core.debugger", "IPython.extensions.storemagic", "cai_helpers", "cai_helpers.learning",
)  # fmt: skip
LOADED_IF_THERE = ("ipykernel.debugger", "debugpy.server.api", "psutil", "sqlite3", "cProfile", "faulthandler")


def available() -> bool:
    """Whether this system can fork a process that has loaded a kernel; macOS and Windows cannot, or not safely."""
    return sys.platform.startswith("linux") and hasattr(os, "fork")


class Server:
    """The worker's side: `launch` takes the place of jupyter_client's launch_kernel."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def launch(self, cmd: list[str], **options: Any) -> Forked:
        """Start a kernel for the connection file at the end of `cmd`. Raises OSError when the server is gone."""
        assert self.process.stdin is not None and self.process.stdout is not None
        request = {"arguments": cmd[cmd.index("-f") :], "folder": options.get("cwd") or "."}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise OSError("no kernel could be started")
        return Forked(int(answer))

    def close(self) -> None:
        """End the server; kernels end with it."""
        self.process.kill()
        self.process.wait()


class Forked:
    """What jupyter_client needs of a Popen, for a process that is not a child of this one."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """None while it runs; then a status (which one, its parent does not say)."""
        if self.returncode is None:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self.returncode = -1
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for its end."""
        end = time.monotonic() + (timeout or 60)
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Signal it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once; it is mostly gone on return, because who asks later looks only every 0.1 s."""
        self.send_signal(signal.SIGKILL)
        self.wait(0.05)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def serve() -> None:
    """Fork a kernel for each line of standard input; say its number on standard output."""
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel ends when its parent has
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in LOADED:
        importlib.import_module(name)
    for name in LOADED_IF_THERE:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _warm_up()
    gc.freeze()  # a copy's garbage collector leaves all this alone, so that its memory stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels disappear at once
    while line := _line():
        request = json.loads(line)
        if os.fork() == 0:
            _become_kernel(request["arguments"], request["folder"])


def _warm_up() -> None:
    """Let the course model read its files once, for all copies; where it cannot, the notebook says so."""
    from cai_helpers import client

    with contextlib.suppress(Exception):
        from cai_helpers.connection import connect
        from cai_helpers.course_model.judge import judge

        connect("course").call("", "Hello")
        judge("Hello.", "The reply must not blame the customer.")
    client._current = None


def _line() -> bytes:
    """One line from descriptor 0, unbuffered, so that a forked copy holds nothing of the next."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 1)
        if not part:
            return b""
        line += part
    return line


def _become_kernel(arguments: list[str], folder: str) -> None:
    import random

    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.write(1, f"{os.getpid()}\n".encode())  # not before it leads its own group, which is what gets signals
    os.chdir(folder)
    null = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(null, place)
    os.close(null)
    random.seed()
    sys.argv = ["ipykernel_launcher.py", *arguments]
    try:
        IPKernelApp.launch_instance(arguments)
    finally:
        os._exit(0)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder's modules are not to be found by their short names
    serve()
