"""A clock that nobody waits for: jobs overlap as in a ThreadPoolExecutor, but their seconds are only counted.

    pool = SimulatedPool(max_workers=8)
    connect("course", latency=(0.4, 1.6), sleep=pool.sleep)   # the model's latency and the client's waits
    parallel_critique(draft, CONSTITUTION, executor=pool)
    pool.seconds, pool.jobs                                   # the same on every machine

Each job has a thread, yet only one runs at a time. A job that sleeps is parked; when all are, the clock jumps to the
earliest wake-up (at the same second, the job handed in first goes first). A parked request is in flight, so a rate
limit counts what it would count in real time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from heapq import heappop, heappush
from typing import Any

from .jobs import Answer, Job, check_workers, threads_start


class SimulatedPool(Executor):
    """An executor with `max_workers` simulated workers. ValueError for fewer than one.

    seconds: the simulated time. jobs: {"job", "worker", "start", "end"} of each finished job, in the order of
    submission; job and worker count from 0, times are seconds. threads: False where no thread can start (the browser):
    each job then runs on submission; `jobs` tells how they would overlap, but a rate limit never sees two at once.

    The clock stands while jobs are handed in. Once somebody waits for one (wait, as_completed, result, exception, done,
    a done-callback), it runs until all are done; a job handed in meanwhile begins after them.
    """

    def __init__(self, max_workers: int) -> None:
        self.seconds, self.jobs, self.threads = 0.0, list[dict[str, Any]](), threads_start()
        self._queue, self._count, self._closed, self._running = deque[Job](), 0, False, False
        self._still = threading.Condition()  # to wait until the clock does not run
        self._free, self._asked_at = [0.0] * check_workers(max_workers), 0.0  # see _alone
        self._here = threading.local()  # .job: the job that runs in this thread; .clock: it moves the clock

    def sleep(self, seconds: float) -> None:
        """Let simulated time pass: for the job that calls it or, outside the jobs, for the caller."""
        if seconds < 0:
            raise ValueError(f"sleep takes 0 or more seconds, not {seconds!r}.")
        if hasattr(self._here, "job"):
            self._here.job.sleep(seconds)
        else:
            self._when_still()
            self.seconds = self._asked_at = self.seconds + seconds

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor. RuntimeError after shutdown, and in a job of this pool, which would wait for itself."""
        self._when_still()
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        job = Job(self._count, partial(fn, *args, **kwargs), Answer(self._begin), self._here)
        self._count += 1
        if self.threads:
            self._queue.append(job)
        else:
            self._alone(job)
        return job.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As every executor: what was handed in is done or, with cancel_futures, only what has begun."""
        self._closed = True
        for job in list(self._queue) if cancel_futures else []:
            job.future.cancel()
        self._begin()
        if wait:
            self._when_still()

    def _when_still(self) -> None:
        if vars(self._here):
            raise RuntimeError("A job cannot do this with the pool that runs it: it would wait for itself.")
        with self._still:
            self._still.wait_for(lambda: not self._running)

    def _begin(self, waits: bool = True) -> None:
        """Somebody asks for a result. If he waits: let the clock run, unless it does so already."""
        with self._still:
            begins = waits and bool(self._queue) and not self._running
            self._running, self._asked_at = self._running or begins, self.seconds
        if begins:
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        """All jobs of the queue, in the order of simulated time."""
        self._here.clock = True
        idle, parked = list(range(len(self._free))), list[tuple[float, int, Job]]()
        while self._queue or parked:
            while idle and self._queue:
                job = self._queue.popleft()
                if job.future.set_running_or_notify_cancel():
                    job.take(heappop(idle), self.seconds)
                    heappush(parked, (job.now, job.number, job))
            if parked:
                self.seconds, _, job = heappop(parked)
                job.step()
                if job.ended:
                    heappush(idle, job.worker)
                    job.finish(self.jobs)
                else:
                    heappush(parked, (job.now, job.number, job))
        with self._still:
            self._running = False
            self._still.notify_all()

    def _alone(self, job: Job) -> None:
        """Without threads: run it here and now, in the time of the first free worker, from the last wait on."""
        job.future.set_running_or_notify_cancel()
        free = min(self._free)
        job.take(self._free.index(free), max(free, self._asked_at))
        job.run()
        self._free[job.worker], self.seconds = job.now, max(self.seconds, job.now)
        job.finish(self.jobs)
