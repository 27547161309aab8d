"""Threads for a browser's Python: `threading`, and with it ThreadPoolExecutor, run unchanged.

A web page gives Python one thread. But Chrome and Edge (137 and newer) can set a call aside while it waits and run
another one meanwhile (JSPI, JavaScript Promise Integration). Here each thread is such a call: it runs until it waits
(for an answer from the network, a sleep, a lock), and then the next one goes on. Nothing computes at the same time;
what overlaps is the waiting, and that is what critics mostly do.

Where the browser cannot do this, starting a thread raises RuntimeError, as in any browser's Python.
Tried with Pyodide 314 (Python 3.14); see https://github.com/WebAssembly/js-promise-integration.
"""

from __future__ import annotations

import _thread
import _threading_local
import asyncio
import gc
import itertools
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from types import TracebackType
from typing import Any

NO_THREAD = (
    "can't start new thread: here a browser lets one call run at a time. Chrome and Edge from version 137 run several."
)
NO_WAIT = "This would wait for ever: here a browser cannot set a call aside. Wait in a cell, not in a callback."
BROWSER = sys.platform == "emscripten"
MANY_OBJECTS = 50_000  # new objects that could be part of a cycle: then a collection is worth its tenth of a second

_own: ContextVar[int] = ContextVar("cai_thread")  # its context is what a call keeps while it is set aside
_numbers = itertools.count(1)


def install() -> None:
    """Put these threads and locks in the place of those that a browser lacks. A second call changes nothing."""
    gc.disable()
    here: Any = threading
    if here.Lock is Lock:
        return
    here.Lock = here._allocate_lock = Lock
    here._CRLock = None  # RLock is then the one in Python, made of Lock and get_ident
    here.get_ident = get_ident
    here.local = _threading_local.local  # kept by current_thread, where the built-in one is the same for all
    here._start_joinable_thread = start
    here._ThreadHandle = Handle
    queue.SimpleQueue = SimpleQueue  # type: ignore[assignment,misc]


def collect_garbage() -> None:
    """What Python does by itself elsewhere: called after each cell, and now and then while threads run.

    The collection that starts by itself walks the frames of calls that are set aside, which lie elsewhere by then, and
    the kernel dies (https://github.com/pyodide/pyodide/issues/6464). A full one, asked for, does not walk them.
    """
    if gc.get_count()[0] > MANY_OBJECTS:
        gc.collect()


def can_wait() -> bool:
    """Whether this call can be set aside: in a cell or a thread where the browser has JSPI, not in a callback."""
    if not BROWSER:
        return False
    from pyodide.ffi import can_run_sync  # type: ignore[import-not-found]

    return bool(can_run_sync())


def get_ident() -> int:
    """A number of its own for each thread that runs now."""
    return _own.get(0) or _thread.get_ident()


def start(function: Callable[[], object], *, handle: Handle, daemon: bool = True) -> None:
    """Run a thread's function as soon as somebody waits. RuntimeError where nobody could."""
    if not can_wait():
        raise RuntimeError(NO_THREAD)
    collect_garbage()
    handle.ident = -next(_numbers)  # below zero: no number of the system's own
    thread: Any = getattr(function, "__self__", None)
    if hasattr(thread, "_started"):
        thread._started.set()  # so that Thread.start need not wait for it
        thread._context.run(_own.set, handle.ident)  # what the thread's own code runs in

    def run() -> None:
        _own.set(handle.ident)
        try:
            function()
        finally:
            handle._set_done()

    asyncio.get_running_loop().call_soon(run, context=Context())


class Turn:
    """A place to wait: `wait` sets the call aside until `give`."""

    def __init__(self) -> None:
        self._given: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def give(self) -> bool:
        """Let who waits go on; False if the time had run out."""
        if self._given.done():
            return False
        self._given.set_result(True)
        return True

    def wait(self, seconds: float | None) -> bool:
        """Whether it was given within these seconds. RuntimeError where this call cannot be set aside."""
        if not can_wait():
            self._give_up()
            raise RuntimeError(NO_WAIT)
        from pyodide.ffi import run_sync

        clock = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._give_up)
        try:
            return bool(run_sync(self._given))
        finally:
            if clock is not None:
                clock.cancel()

    def _give_up(self) -> None:
        if not self._given.done():
            self._given.set_result(False)


class Lock:
    """threading.Lock: who waits for it is set aside, and gets it in the order of asking."""

    def __init__(self) -> None:
        self._held = False
        self._turns: deque[Turn] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As threading.Lock.acquire."""
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if not self._held:
            self._held = True
            return True
        if not blocking or timeout == 0:
            return False
        turn = Turn()
        self._turns.append(turn)
        return turn.wait(None if timeout == -1 else timeout)

    def release(self) -> None:
        """As threading.Lock.release: the next one that waits has it then."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        while self._turns:
            if self._turns.popleft().give():
                return
        self._held = False

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._held

    def _at_fork_reinit(self) -> None:
        self._held, self._turns = False, deque()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self._held else 'unlocked'} {type(self).__module__}.Lock>"


class Handle:
    """What a Thread keeps of its start: whether it is over, and a way to wait for that."""

    def __init__(self) -> None:
        self.ident = 0
        self._done = False
        self._turns: list[Turn] = []

    def is_done(self) -> bool:
        """Whether the thread is over."""
        return self._done

    def join(self, timeout: float | None = None) -> None:
        """Wait until it is, or until the time runs out."""
        if self._done or timeout == 0:
            return
        turn = Turn()
        self._turns.append(turn)
        turn.wait(None if timeout is None or timeout < 0 else timeout)

    def _set_done(self) -> None:
        self._done = True
        for turn in self._turns:
            turn.give()


class SimpleQueue:
    """queue.SimpleQueue: without a size, first in, first out. No lock: only a wait lets another thread run."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._turns: deque[Turn] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add an item, and wake one who waits for it."""
        self._items.append(item)
        while self._turns and not self._turns.popleft().give():
            pass

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the oldest item; queue.Empty where none comes in time."""
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        while not self._items:
            if not block or timeout == 0:
                raise queue.Empty
            turn = Turn()
            self._turns.append(turn)
            if not turn.wait(timeout):
                raise queue.Empty
        return self._items.popleft()

    def put_nowait(self, item: Any) -> None:
        """As put."""
        self.put(item)

    def get_nowait(self) -> Any:
        """As get, without waiting."""
        return self.get(block=False)

    def empty(self) -> bool:
        """Whether no item is there."""
        return not self._items

    def qsize(self) -> int:
        """How many items are there."""
        return len(self._items)
