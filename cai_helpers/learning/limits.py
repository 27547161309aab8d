"""A time limit for code that may never end: in a terminal, a notebook, a thread and the browser."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

CHECK_FILE = "<check>"  # what checks are compiled as: only code that they call is stopped


class TooLong(BaseException):
    """The time is up. Not an Exception, so that a learner's `except Exception` does not swallow it."""


@contextlib.contextmanager
def time_limit(seconds: float, namespace: dict[str, Any]) -> Iterator[None]:
    """Raise TooLong when the time is up: by a signal where there are any, else between two lines of the learner's code.

    The second way (browser, Windows, other threads) cannot stop one long call into other code.
    """
    main = threading.current_thread() is threading.main_thread()
    limit = _by_signal(seconds) if main and hasattr(signal, "setitimer") and sys.platform != "emscripten" else None
    with limit or _by_tracing(seconds, namespace):
        yield


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    fired = 0
    tried: set[tuple[object, int]] = set()

    def strike(frame: FrameType, event: str, value: Any) -> Any:
        """As a trace function: raise at a line where it was not tried yet, until one lies outside every try."""
        where = (frame.f_code, frame.f_lineno)
        if event != "line" or where in tried:
            return strike
        tried.add(where)
        raise TooLong

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal fired
        if not _in_check(frame):
            return  # our own code: the alarm comes again
        fired += 1
        if fired == 1:
            raise TooLong
        while frame is not None and frame.f_code.co_filename != CHECK_FILE:  # a bare except swallowed the last one
            frame.f_trace = strike
            frame = frame.f_back
        sys.settrace(strike)

    before, traced = signal.signal(signal.SIGALRM, stop), sys.gettrace()
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(traced)
        signal.signal(signal.SIGALRM, before)


def _in_check(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == CHECK_FILE:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _by_tracing(seconds: float, namespace: dict[str, Any]) -> Iterator[None]:
    end = time.perf_counter() + seconds

    def line(frame: FrameType, event: str, value: Any) -> Any:
        if time.perf_counter() > end:
            raise TooLong
        return line

    def call(frame: FrameType, event: str, value: Any) -> Any:
        return line if frame.f_globals is namespace else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        yield
    finally:
        sys.settrace(before)
