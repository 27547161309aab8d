"""Chapter 08: all principles judged at once, with the verdicts in the constitution's order.

In the order of the lesson: futures and the order of their results, one failure that costs one verdict, a pool that
stops when it is told to, the way out where no thread can start, and the same in an event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import count
from typing import Any

from cai_helpers.constitution import Principle, check_constitution
from cai_helpers.critic import NO_ANSWER, Critique, check_draft, critique_one

Progress = Callable[[int, int], object]  # called with (answers so far, answers expected)
LOOK_AGAIN = 0.5  # seconds: some systems deliver an interrupt only between two waits
ONE_BY_ONE = "Threads cannot start here, so the critics answer one after another. The verdicts are the same."


def parallel_critique(
    raw_response: str,
    constitution: list[Principle],
    user_prompt: str | None = None,
    max_workers: int = 8,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> list[Critique]:
    """One critique per principle, at most `max_workers` at once: the same list, in the same order, as
    `run_all_critiques`.

    executor: any `concurrent.futures.Executor` to use instead of a pool of its own; it is left open.
    What cannot be obtained is UNCLEAR with its reason, and counts as violated. An interrupt starts no further call.
    ValueError for an empty draft, a bad constitution, or max_workers below 1."""
    principles = check_input(raw_response, constitution, max_workers)
    pool = executor or ThreadPoolExecutor(min(max_workers, len(principles)))
    try:
        futures = submit_all(pool, raw_response, principles, user_prompt)
        if futures is None:
            print(ONE_BY_ONE)
            return one_by_one(raw_response, principles, user_prompt, progress)
        wait_for(futures, progress)
        return [answer_of(future.result, p) for future, p in zip(futures, principles, strict=True)]
    finally:
        if pool is not executor:
            pool.shutdown(wait=False, cancel_futures=True)


def submit_all(
    pool: Executor, raw_response: str, principles: list[Principle], user_prompt: str | None
) -> list[Future[Critique]] | None:
    """One future per principle; None where the pool cannot start a thread."""
    futures: list[Future[Critique]] = []
    try:
        for principle in principles:
            futures.append(pool.submit(critique_one, raw_response, principle, user_prompt))
    except RuntimeError:
        stop(futures)
        return None
    return futures


def stop(futures: list[Future[Critique]]) -> None:
    """Take back what has not begun. A call that is on its way ends by itself, and nobody waits for it."""
    for future in futures:
        future.cancel()


def wait_for(futures: list[Future[Critique]], progress: Progress | None = None) -> None:
    """Wait until all are done, and tell `progress` how many are. Whatever interrupts the wait starts no more calls."""
    waiting = set(futures)
    try:
        while waiting:
            done, waiting = wait(waiting, timeout=LOOK_AGAIN, return_when=FIRST_COMPLETED)
            if progress and done:
                progress(len(futures) - len(waiting), len(futures))
    finally:
        stop(futures)


def answer_of(ask: Callable[[], Critique], principle: Principle) -> Critique:
    """What `ask` gives; where it fails, UNCLEAR with the reason, which counts as violated."""
    try:
        return ask()
    except Exception as error:
        return no_critique(principle, f"{NO_ANSWER}{type(error).__name__}: {error}")


def no_critique(principle: Principle, reason: str) -> Critique:
    """What stands in the list for a critique that could not be had."""
    return {
        "principle_id": principle["id"],
        "principle_text": principle["text"],
        "critique": reason,
        "violated": True,
        "verdict": "UNCLEAR",
        "quote": "",
        "quote_found": False,
    }


def one_by_one(
    raw_response: str, principles: list[Principle], user_prompt: str | None, progress: Progress | None = None
) -> list[Critique]:
    """The same list without threads."""
    critiques: list[Critique] = []
    for principle in principles:
        critiques.append(answer_of(partial(critique_one, raw_response, principle, user_prompt), principle))
        if progress:
            progress(len(critiques), len(principles))
    return critiques


def check_workers(max_workers: Any) -> None:
    """ValueError where max_workers is not a whole number from 1 up."""
    if not isinstance(max_workers, int) or isinstance(max_workers, bool) or max_workers < 1:
        raise ValueError(f"max_workers must be a whole number from 1 up, not {max_workers!r}.")


def check_input(raw_response: str, constitution: list[Principle], max_workers: int) -> list[Principle]:
    """The principles to ask about; ValueError for an empty draft, a bad constitution, or max_workers below 1."""
    check_draft(raw_response)
    check_workers(max_workers)
    return check_constitution(constitution)


async def parallel_critique_async(
    raw_response: str,
    constitution: list[Principle],
    user_prompt: str | None = None,
    max_workers: int = 8,
    progress: Progress | None = None,
) -> list[Critique]:
    """`parallel_critique` for an event loop: `await` it. Where no thread can start, the tasks call by themselves:
    a browser lets the others go on while one waits for its answer."""
    principles = check_input(raw_response, constitution, max_workers)
    pool = ThreadPoolExecutor(min(max_workers, len(principles)))
    places, answered = asyncio.Semaphore(max_workers), count(1)

    async def one(principle: Principle) -> Critique:
        async with places:
            answer = await critique_async(pool, raw_response, principle, user_prompt)
            if progress:
                progress(next(answered), len(principles))
            return answer

    try:
        return list(await asyncio.gather(*map(one, principles)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


async def critique_async(
    pool: Executor, raw_response: str, principle: Principle, user_prompt: str | None = None
) -> Critique:
    """One critique without holding up the event loop."""
    ask = partial(critique_one, raw_response, principle, user_prompt)
    try:
        future = pool.submit(answer_of, ask, principle)
    except RuntimeError:
        return answer_of(ask, principle)
    return await asyncio.wrap_future(future)
