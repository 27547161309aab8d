"""What the simulated clock moves: jobs that run step by step, and futures that tell when somebody waits for them."""

from __future__ import annotations

import threading
from bisect import insort
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any


class Job:
    """A call in a thread of its own, which runs only during `step`: until the call sleeps, or to its end.

    now: the second that the job has come to. here.job: the job, in the thread that runs it."""

    def __init__(self, number: int, call: Callable[[], Any], future: Future[Any], here: threading.local) -> None:
        self.number, self.call, self.future, self.here = number, call, future, here
        self.worker, self.start, self.now = 0, 0.0, 0.0
        self.begun = self.ended = False
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._deliver: Callable[[], None] = lambda: None

    def take(self, worker: int, now: float) -> None:
        """Given to a worker at this second."""
        self.worker, self.start, self.now = worker, now, now

    def step(self) -> None:
        """Let the thread run until the call sleeps or ends."""
        if self.begun:
            self._go.release()
        else:
            self.begun = True
            try:
                threading.Thread(target=self._work, daemon=True).start()
            except RuntimeError as error:  # the system gives no more threads
                self._ends(partial(self.future.set_exception, error))
                return
        self._back.acquire()

    def sleep(self, seconds: float) -> None:
        """Called by the job itself: its time passes, and in a thread it stops here until the next step."""
        self.now += seconds
        if self.begun:
            self._back.release()
            self._go.acquire()

    def run(self) -> None:
        """The whole call, in this thread."""
        self.here.job = self
        try:
            self._ends(partial(self.future.set_result, self.call()))
        except BaseException as error:
            self._ends(partial(self.future.set_exception, error))
        del self.here.job

    def _work(self) -> None:
        self.run()
        self._back.release()

    def _ends(self, deliver: Callable[[], None]) -> None:
        self.ended, self._deliver = True, deliver

    def finish(self, rows: list[dict[str, Any]]) -> None:
        """Note when it ran, among the others in the order of submission, and give the future what came of it."""
        row = {"job": self.number, "worker": self.worker, "start": self.start, "end": self.now}
        insort(rows, row, key=lambda other: other["job"])
        self._deliver()


class Answer(Future[Any]):
    """A Future that calls `asked` when its result is asked for or waited for: asked(True) if it is not there yet."""

    def __init__(self, asked: Callable[[bool], None]) -> None:
        super().__init__()
        self._asked = asked
        self._waiters = _Waiters(self._ask)

    def _ask(self) -> None:
        self._asked(not super().done())

    def result(self, timeout: float | None = None) -> Any:
        self._ask()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._ask()
        return super().exception(timeout)

    def done(self) -> bool:
        self._ask()
        return super().done()

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        super().add_done_callback(fn)
        self._ask()


class _Waiters(list[Any]):
    """Where `wait` and `as_completed` of concurrent.futures leave a mark on each future before they block: no public
    method of the future tells. They hold its lock while they do so."""

    def __init__(self, asked: Callable[[], None]) -> None:
        super().__init__()
        self._asked = asked

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        self._asked()


def check_workers(max_workers: Any) -> int:
    """max_workers itself; ValueError where it is not a whole number from 1 up."""
    if not isinstance(max_workers, int) or isinstance(max_workers, bool) or max_workers < 1:
        raise ValueError(f"max_workers must be a whole number from 1 up, not {max_workers!r}.")
    return max_workers


def threads_start() -> bool:
    """Whether this Python can start a thread; a browser's cannot."""
    try:
        threading.Thread(target=int, daemon=True).start()
    except RuntimeError:
        return False
    return True
