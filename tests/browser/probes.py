"""Cells that run in the browser's Python under Node (see test_node.py). Each prints its last line when all held."""

# mypy: ignore-errors
# ruff: noqa: E402, F401

# %% threads wait side by side, and keep what is theirs
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait

import cai_helpers  # makes threads work

own, lock, many = threading.local(), threading.RLock(), []


def work(number):
    own.number = number
    with lock:
        time.sleep(0.02)
        with lock:
            many.append((number, own.number, threading.get_ident(), threading.current_thread().name))
    time.sleep(0.3)
    return number


start = time.perf_counter()
with ThreadPoolExecutor(4) as pool:
    assert list(pool.map(work, range(4))) == [0, 1, 2, 3]
assert time.perf_counter() - start < 1.0, time.perf_counter() - start  # one after another: 1.28 s
assert [one for one, _, _, _ in many] == [other for _, other, _, _ in many] == [0, 1, 2, 3]
assert len({ident for _, _, ident, _ in many}) == len({name for *_, name in many}) == 4
assert not hasattr(own, "number") and threading.current_thread() is threading.main_thread()
print("as it should be")

# %% futures: order of completion, time-outs, errors, cancelling
with ThreadPoolExecutor(3) as pool:
    futures = [pool.submit(lambda s: time.sleep(s) or s, s) for s in (0.3, 0.1, 0.2)]
    assert [f.result() for f in as_completed(futures)] == [0.1, 0.2, 0.3]
    done, rest = wait([pool.submit(time.sleep, 0.6), pool.submit(int)], timeout=0.2, return_when=FIRST_COMPLETED)
    assert (len(done), len(rest)) == (1, 1)
    failing = pool.submit(lambda: 1 / 0)
    assert isinstance(failing.exception(), ZeroDivisionError)
    slow = pool.submit(time.sleep, 0.5)
    try:
        slow.result(timeout=0.1)
    except TimeoutError:
        print("as it should be")

pool = ThreadPoolExecutor(1)
running, waiting = pool.submit(time.sleep, 0.2), pool.submit(int)
time.sleep(0.05)  # a thread begins when somebody waits
pool.shutdown(wait=False, cancel_futures=True)
assert waiting.cancelled() and not running.cancelled()

# %% 400 threads that take turns: the collector must not walk calls that were set aside (pyodide issue 6464)
import gc

from cai_helpers.course_model import SimulatedPool

for _ in range(2):
    clock = SimulatedPool(8)
    assert clock.threads
    jobs = [clock.submit(clock.sleep, seconds) for seconds in range(200)]
    assert [job.result() for job in jobs] == [None] * 200
    assert clock.seconds == 2575
assert not gc.isenabled()
print("as it should be")

# %% locks: events, conditions, queues and time-outs of their own
import queue

event, box = threading.Event(), queue.Queue(maxsize=1)
threading.Timer(0.1, event.set).start()
assert not event.wait(0.01) and event.wait(5)
filler = threading.Thread(target=lambda: [box.put(n) for n in range(5)])
filler.start()
assert [box.get(timeout=5) for _ in range(5)] == [0, 1, 2, 3, 4]
filler.join(5)
assert not filler.is_alive()
held = threading.Lock()
assert held.acquire() and not held.acquire(blocking=False) and not held.acquire(timeout=0.05)
held.release()
try:
    held.release()
except RuntimeError:
    print("as it should be")

# %% a time-out is a time-out: of a function, of the whole pair; and a caught error leaves the cell as it is
import requests
import urllib3.exceptions

from cai_helpers.browser import is_timeout, whole_time

assert whole_time((3, 0.5)) == 3.5 and whole_time(2) == 2 and whole_time((None, 4)) == 4
assert whole_time((5, None)) is None and whole_time(None) is None
reason = urllib3.exceptions.MaxRetryError(None, "/", TimeoutError("late"))
assert is_timeout(requests.ConnectionError(reason)) and not is_timeout(requests.ConnectionError("refused"))
try:
    requests.get("http://127.0.0.1:9/", timeout=(0.2, 0.3))
except requests.RequestException as error:
    assert not isinstance(error, requests.Timeout), error
    print("as it should be")

# %% an error is called as in JupyterLab
try:
    from IPython import get_ipython

    get_ipython().run_cell("1 / 0")
finally:
    assert get_ipython()._last_traceback["ename"] == "ZeroDivisionError"
    get_ipython()._last_traceback = None
    print("as it should be")

# %% None in an output becomes null
from pyodide.ffi import jsnull

from cai_helpers.browser import with_nulls

assert with_nulls({"a": [None, {"b": None}], "c": 0}) == {"a": [jsnull, {"b": jsnull}], "c": 0}
print("as it should be")
