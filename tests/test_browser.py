"""What of the browser's parts works everywhere: reading time-outs, locks that nobody waits for, and doing nothing here.

How it behaves in the browser's own Python is tested in tests/browser/.
"""

from __future__ import annotations

import queue
import threading

import pytest
import requests
import urllib3.exceptions

from cai_helpers import browser, browser_threads


@pytest.mark.parametrize(
    ("given", "whole"),
    [(None, None), (3, 3), (0.5, 0.5), ((3, 0.5), 3.5), ((None, 4), 4), ((5, None), None), ((5, 120), 125)],
)
def test_both_numbers_of_a_pair_count(given: object, whole: float | None) -> None:
    assert browser.whole_time(given) == whole


def test_time_out_is_found_behind_other_errors() -> None:
    late = urllib3.exceptions.MaxRetryError(None, "/", TimeoutError("late"))  # type: ignore[arg-type]
    assert browser.is_timeout(requests.ConnectionError(late))
    assert browser.is_timeout(urllib3.exceptions.ReadTimeoutError(None, "/", "late"))  # type: ignore[arg-type]
    refused = urllib3.exceptions.MaxRetryError(None, "/", OSError("refused"))  # type: ignore[arg-type]
    assert not browser.is_timeout(requests.ConnectionError(refused))
    assert not browser.is_timeout(None)


def test_loop_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert not browser.is_timeout(one)


def test_nothing_is_changed_outside_a_browser() -> None:
    send, lock, thread = requests.adapters.HTTPAdapter.send, threading.Lock, threading.Thread
    browser.prepare()
    assert (requests.adapters.HTTPAdapter.send, threading.Lock, threading.Thread) == (send, lock, thread)
    assert not browser_threads.can_wait()


def test_lock_that_is_free_needs_no_wait() -> None:
    lock = browser_threads.Lock()
    with lock:
        assert lock.locked() and not lock.acquire(blocking=False) and not lock.acquire(timeout=0)
    assert not lock.locked()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()
    with pytest.raises(ValueError):
        lock.acquire(timeout=-2)
    with pytest.raises(ValueError):
        lock.acquire(False, 1)


def test_queue_gives_what_is_there() -> None:
    box = browser_threads.SimpleQueue()
    box.put(1)
    box.put_nowait(2)
    assert (box.qsize(), box.get(), box.get_nowait(), box.empty()) == (2, 1, 2, True)
    with pytest.raises(queue.Empty):
        box.get_nowait()
    with pytest.raises(ValueError):
        box.get(timeout=-1)


def test_no_thread_starts_where_nobody_can_wait() -> None:
    with pytest.raises(RuntimeError, match="can't start new thread"):
        browser_threads.start(int, handle=browser_threads.Handle())
