"""The simulated clock: exact, the same each time, and an executor like any other."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, as_completed, wait
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

import pytest

from cai_helpers import CONSTITUTION, connect, parallel_critique, run_all_critiques
from cai_helpers.course_model import CourseModel, SimulatedPool, library
from cai_helpers.course_model.chance import draw

DRAFT = library.entries()[0].drafts[0]
TWENTY = [{"id": f"{p['id']}-{n}", "text": f"{p['text']} (Rule {n}.)"} for n in range(4) for p in CONSTITUTION]


def table(pool: SimulatedPool) -> list[tuple[int, int, float, float]]:
    return [(row["job"], row["worker"], row["start"], row["end"]) for row in pool.jobs]


# ------------------------------------------------------------ time


def test_each_job_starts_at_the_earliest_free_worker() -> None:
    pool = SimulatedPool(2)
    assert list(pool.map(pool.sleep, [3, 1, 2, 1, 0])) == [None] * 5
    assert table(pool) == [(0, 0, 0, 3), (1, 1, 0, 1), (2, 1, 1, 3), (3, 0, 3, 4), (4, 1, 3, 3)]
    assert pool.seconds == 4


def test_one_worker_takes_the_sum_and_many_take_the_longest() -> None:
    for workers, seconds in ((1, 6), (3, 3), (50, 3)):
        pool = SimulatedPool(workers)
        wait([pool.submit(pool.sleep, s) for s in (1, 2, 3)])
        assert (pool.seconds, len(pool.jobs)) == (seconds, 3)


def test_nobody_waits() -> None:
    pool, start = SimulatedPool(4), time.perf_counter()
    wait([pool.submit(pool.sleep, 1000) for _ in range(40)])
    assert pool.seconds == 10_000 and time.perf_counter() - start < 2


def test_the_caller_sleeps_between_jobs() -> None:
    pool = SimulatedPool(2)
    pool.sleep(5)
    pool.submit(pool.sleep, 2).result()
    pool.sleep(0.5)
    pool.submit(pool.sleep, 1).result()
    assert table(pool) == [(0, 0, 5, 7), (1, 0, 7.5, 8.5)] and pool.seconds == 8.5
    with pytest.raises(ValueError, match="0 or more"):
        pool.sleep(-1)


def test_jobs_wake_by_time_then_by_number() -> None:
    pool, seen = SimulatedPool(9), []

    def job(name: str, *naps: float) -> None:
        for nap in naps:
            pool.sleep(nap)
            seen.append((name, nap))

    wait([pool.submit(job, "a", 2, 2), pool.submit(job, "b", 1, 3), pool.submit(job, "c", 2, 1)])
    assert seen == [("b", 1), ("a", 2), ("c", 2), ("c", 1), ("a", 2), ("b", 3)]


Steps = Generator[float, None, None]


def oracle(jobs: list[Steps], workers: int) -> list[tuple[int, int, float, float]]:
    """The same without a thread: jobs as generators that yield the seconds they sleep."""
    queue, idle, parked, rows, now = list(enumerate(jobs)), list(range(workers)), [], [], 0.0
    while queue or parked:
        while queue and idle:
            number, steps = queue.pop(0)
            heappush(parked, (now, number, heappop(idle), now, steps))
        now, number, worker, start, steps = heappop(parked)
        nap = next(steps, None)
        if nap is None:
            heappush(idle, worker)
            rows.append((number, worker, start, now))
        else:
            heappush(parked, (now + nap, number, worker, start, steps))
    return sorted(rows)


class Desk:
    """A server with a limit, in few lines: a request takes its time, and is refused where too many are in flight."""

    def __init__(self, limit: int) -> None:
        self.limit, self.busy, self.refused = limit, 0, 0

    def steps(self, number: int) -> Steps:
        for attempt in range(4):
            self.busy += 1
            crowded = self.busy > self.limit
            yield 0.4 + draw(number, attempt)
            self.busy -= 1
            if not crowded:
                return
            self.refused += 1
            yield 1.0

    def job(self, pool: SimulatedPool, number: int) -> None:
        for nap in self.steps(number):
            pool.sleep(nap)


def simulated(workers: int, limit: int) -> tuple[list[Any], int]:
    pool, desk = SimulatedPool(workers), Desk(limit)
    wait([pool.submit(desk.job, pool, number) for number in range(30)])
    return table(pool), desk.refused


@contextmanager
def a_busy_interpreter() -> Iterator[None]:
    """Other threads compute, and threads change places two hundred times as often as usual."""
    stop, usual = threading.Event(), sys.getswitchinterval()

    def compute() -> None:
        while not stop.is_set():
            pass

    sys.setswitchinterval(usual / 200)
    for _ in range(2):
        threading.Thread(target=compute, daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        sys.setswitchinterval(usual)


def test_a_hundred_runs_are_exact_on_a_loaded_machine() -> None:
    desk = Desk(8)
    expected = oracle([desk.steps(number) for number in range(30)], 20), desk.refused
    assert desk.refused > 10
    with a_busy_interpreter():
        assert all(simulated(20, 8) == expected for _ in range(5))
    assert all(simulated(20, 8) == expected for _ in range(95))
    assert simulated(8, 8)[1] == 0


# ------------------------------------------------------------ an executor


def test_what_a_job_raises_comes_out_of_its_future_alone() -> None:
    def fails() -> None:
        pool.sleep(1)
        raise KeyError("x")

    with SimulatedPool(1) as pool:
        futures = [pool.submit(fails), pool.submit(lambda: "fine")]
    assert isinstance(futures[0].exception(), KeyError) and futures[1].result() == "fine"
    assert table(pool) == [(0, 0, 0, 1), (1, 0, 1, 1)]


def test_leaving_the_with_block_does_all_jobs_and_takes_no_more() -> None:
    with SimulatedPool(2) as pool:
        futures = [pool.submit(pool.sleep, 1) for _ in range(4)]
    assert all(future.done() for future in futures) and pool.seconds == 2
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(pool.sleep, 1)


def test_what_is_cancelled_takes_no_time() -> None:
    pool = SimulatedPool(1)
    futures = [pool.submit(pool.sleep, 1) for _ in range(3)]
    assert futures[1].cancel()
    wait(futures)
    assert [row["job"] for row in pool.jobs] == [0, 2] and pool.seconds == 2
    late = pool.submit(pool.sleep, 1)
    pool.shutdown(cancel_futures=True)
    with pytest.raises(CancelledError):
        late.result()
    assert pool.seconds == 2


def first_done(futures: list[Future[Any]]) -> None:
    while futures:
        futures = list(wait(futures, return_when=FIRST_COMPLETED).not_done)


WAYS: dict[str, Callable[[list[Future[Any]]], object]] = {
    "wait": wait,
    "wait for the first": first_done,
    "as_completed": lambda futures: list(as_completed(futures)),
    "result": lambda futures: [future.result() for future in futures],
    "exception": lambda futures: [future.exception() for future in reversed(futures)],
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_wait_lets_the_clock_run(way: str) -> None:
    pool = SimulatedPool(2)
    WAYS[way]([pool.submit(pool.sleep, s) for s in (2, 1, 1)])
    assert table(pool) == [(0, 0, 0, 2), (1, 1, 0, 1), (2, 1, 1, 2)]


def test_polling_and_callbacks_let_it_run_too() -> None:
    pool, told = SimulatedPool(1), threading.Event()
    future = pool.submit(pool.sleep, 1)
    deadline = time.monotonic() + 5
    while not future.done() and time.monotonic() < deadline:
        pass
    assert future.done()
    pool.submit(pool.sleep, 1).add_done_callback(lambda _: told.set())
    assert told.wait(5) and pool.seconds == 2


def test_a_job_handed_in_while_the_clock_runs_begins_after_the_others() -> None:
    pool = SimulatedPool(3)
    wait([pool.submit(pool.sleep, s) for s in (1, 5)], return_when=FIRST_COMPLETED)
    pool.submit(pool.sleep, 1).result()
    assert table(pool)[2] == (2, 0, 5, 6)


def test_a_job_cannot_use_the_pool_that_runs_it() -> None:
    pool = SimulatedPool(1)
    with pytest.raises(RuntimeError, match="would wait for itself"):
        pool.submit(lambda: pool.submit(pool.sleep, 1)).result()


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "8", None])
def test_bad_workers(workers: Any) -> None:
    with pytest.raises(ValueError, match="whole number from 1 up"):
        SimulatedPool(workers)


# ------------------------------------------------------------ with the course model


def measured(count: int, workers: int, **switches: Any) -> tuple[SimulatedPool, int, list[Any]]:
    """The pool after parallel critics, how many requests were refused, and the critiques."""
    pool = SimulatedPool(workers)
    client = connect("course", latency=(0.4, 1.6), sleep=pool.sleep, **switches)
    critiques = parallel_critique(DRAFT, TWENTY[:count], executor=pool)
    pool.sleep(0)  # the pool is left open
    return pool, sum(exchange["status"] == 429 for exchange in client.trace), critiques


def test_parallel_critics_take_the_slowest_call() -> None:
    pool, refused, critiques = measured(5, 5)
    assert [row["job"] for row in pool.jobs] == [0, 1, 2, 3, 4]
    ends = [row["end"] for row in pool.jobs]
    assert pool.seconds == max(ends) and all(0.4 <= end <= 1.6 for end in ends) and len(set(ends)) == 5

    one_by_one = SimulatedPool(1)
    connect("course", latency=(0.4, 1.6), sleep=one_by_one.sleep)
    assert run_all_critiques(DRAFT, TWENTY[:5]) == critiques
    assert one_by_one.seconds == pytest.approx(sum(ends)) and one_by_one.jobs == []


def test_too_many_workers_meet_the_rate_limit() -> None:
    polite, none, verdicts = measured(20, 8, rate_limit=8)
    greedy, refused, same = measured(20, 20, rate_limit=8)
    free, _, _ = measured(20, 20)
    assert none == 0 < refused and same == verdicts
    assert free.seconds <= 1.6 < polite.seconds < greedy.seconds
    for _ in range(5):
        again, count, _ = measured(20, 20, rate_limit=8)
        assert (table(again), count) == (table(greedy), refused)


def test_the_clients_waits_pass_in_simulated_time() -> None:
    pool, _, critiques = measured(1, 1, faults=[{"fault": "429", "retry_after": 30}])
    assert 30.8 <= pool.seconds <= 33.2 and critiques[0]["verdict"] == "NOT VIOLATED"


# ------------------------------------------------------------ where no thread can start


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


def test_without_threads_the_times_are_the_same(no_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, _, critiques = measured(20, 8)
    first, again = SimulatedPool(2), SimulatedPool(2)
    for naps in ((3, 1, 2, 1), (1, 1)):
        list(first.map(first.sleep, naps))
    monkeypatch.undo()
    for naps in ((3, 1, 2, 1), (1, 1)):
        list(again.map(again.sleep, naps))
    threaded, _, same = measured(20, 8)
    assert (alone.threads, threaded.threads) == (False, True)
    assert critiques == same and alone.jobs == threaded.jobs and alone.seconds == threaded.seconds
    assert [row["start"] for row in first.jobs] == [row["start"] for row in again.jobs] == [0, 0, 1, 3, 4, 4]


def test_without_threads_errors_and_nesting_are_the_same(no_threads: None) -> None:
    pool = SimulatedPool(1)
    assert isinstance(pool.submit(lambda: 1 / 0).exception(), ZeroDivisionError)
    with pytest.raises(RuntimeError, match="would wait for itself"):
        pool.submit(lambda: pool.submit(pool.sleep, 1)).result()
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(pool.sleep, 1)


def test_a_thread_that_does_not_start_costs_its_job_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, start, count = SimulatedPool(3), threading.Thread.start, iter(range(9))

    def starts(thread: threading.Thread) -> None:
        if next(count) == 2:  # after the clock's own thread and one job's
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", starts)
    futures = [pool.submit(pool.sleep, 1) for _ in range(3)]
    assert [type(future.exception()) for future in futures] == [type(None), RuntimeError, type(None)]
    assert pool.seconds == 1


def test_it_comes_with_the_course_model_and_is_read_when_needed() -> None:
    import subprocess

    code = (
        "import sys, cai_helpers.course_model as m\n"
        "print('cai_helpers.course_model.clock' in sys.modules, m.SimulatedPool(1))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("False") and "SimulatedPool" in said
    assert CourseModel(sleep=SimulatedPool(1).sleep)
