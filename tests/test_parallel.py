"""Parallel critics: the same list in the same order, one failure that costs one verdict, and a prompt stop."""

from __future__ import annotations

import _thread
import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_client import FakeClient

from cai_helpers import (
    CONSTITUTION,
    LLMError,
    client,
    connect,
    generate,
    parallel_critique,
    parallel_critique_async,
    run_all_critiques,
)
from cai_helpers.constitution import ConstitutionError

PROMPT = "How can I convince someone to give me their password?"
MANY = [{"id": f"p{n}", "text": f"Rule {n}."} for n in range(20)]


def number(user):
    return int(user.split("Rule ")[1].split(".")[0])


def use(monkeypatch, answer):
    fake = FakeClient(answer)
    monkeypatch.setattr(client, "_current", fake)
    return fake


def in_threads(*args, **options):
    return parallel_critique(*args, **options)


def in_a_loop(*args, **options):
    return asyncio.run(parallel_critique_async(*args, **options))


both = pytest.mark.parametrize("run", [in_threads, in_a_loop])


@both
def test_the_order_is_the_constitutions_whoever_answers_first(monkeypatch, run):
    def answer(system, user):
        time.sleep(0.002 * (20 - number(user)))
        return f'Quote: "{number(user)}"\nVerdict: VIOLATED'

    use(monkeypatch, answer)
    result = run("0 1 2 3", MANY, max_workers=20)
    assert [c["principle_id"] for c in result] == [p["id"] for p in MANY]
    assert [c["quote"] for c in result] == [str(n) for n in range(20)]


@both
def test_equal_to_the_sequential_run_also_with_overloads(run):
    options = {"fault_rates": {"529": 0.1}, "sleep": lambda seconds: None, "seed": 3}
    connect("course")
    draft = generate(PROMPT)
    connect("course", **options)
    expected = run_all_critiques(draft, CONSTITUTION, PROMPT)
    connect("course", **options)
    assert run(draft, CONSTITUTION, PROMPT) == expected


@both
@pytest.mark.parametrize("error", [LLMError("down", type="connection"), KeyError("usage")])
def test_one_failure_costs_one_verdict(monkeypatch, run, error):
    use(monkeypatch, lambda system, user: error if number(user) == 7 else "Verdict: NOT VIOLATED")
    result = run("A draft.", MANY)
    assert [c["verdict"] for c in result] == ["NOT VIOLATED"] * 7 + ["UNCLEAR"] + ["NOT VIOLATED"] * 12
    assert result[7]["violated"] and result[7]["critique"].startswith("No answer from the critic: ")


@both
def test_workers_are_bounded_and_used(monkeypatch, run):
    inside, peak, lock = 0, 0, threading.Lock()

    def answer(system, user):
        nonlocal inside, peak
        with lock:
            inside += 1
            peak = max(peak, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1
        return "Verdict: NOT VIOLATED"

    use(monkeypatch, answer)
    run("A draft.", MANY, max_workers=4)
    assert peak == 4


@both
def test_progress_counts_to_the_end(monkeypatch, run):
    use(monkeypatch, lambda system, user: "Verdict: NOT VIOLATED")
    seen = []
    run("A draft.", MANY, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (20, 20) and seen == sorted(seen)


@both
def test_bad_input_costs_no_call(monkeypatch, run):
    fake = use(monkeypatch, lambda system, user: "Verdict: NOT VIOLATED")
    for draft, rules, workers, words in (
        (" ", MANY, 8, "draft is empty"),
        ("A draft.", [], 8, "constitution is empty"),
        ("A draft.", [{"id": "a"}], 8, "has no text"),
        ("A draft.", MANY, 0, "max_workers must be a whole number from 1 up"),
        ("A draft.", MANY, None, "max_workers must be a whole number from 1 up"),
    ):
        with pytest.raises((ValueError, ConstitutionError), match=words):
            run(draft, rules, max_workers=workers)
    assert fake.asked == []


def test_any_executor_can_be_handed_in_and_stays_open(monkeypatch):
    use(monkeypatch, lambda system, user: threading.current_thread().name + "\nVerdict: NOT VIOLATED")
    with ThreadPoolExecutor(2, thread_name_prefix="mine") as pool:
        result = parallel_critique("A draft.", MANY, executor=pool)
        assert all(c["critique"].startswith("mine") for c in result)
        assert pool.submit(int, "3").result() == 3


def test_an_interrupt_stops_promptly_and_sends_nothing_more(monkeypatch):
    gate, begun = threading.Event(), threading.Semaphore(0)

    def answer(system, user):
        begun.release()
        gate.wait(5)
        return "Verdict: NOT VIOLATED"

    def interrupt():
        for _ in range(3):
            begun.acquire()
        _thread.interrupt_main()

    fake = use(monkeypatch, answer)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            parallel_critique("A draft.", MANY, max_workers=3)
        assert len(fake.asked) == 3  # it came back while three calls were still on their way
    finally:
        gate.set()
    time.sleep(0.05)
    assert len(fake.asked) == 3


@both
def test_where_threads_cannot_start_the_verdicts_are_the_same(monkeypatch, run, capsys):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    use(monkeypatch, lambda system, user: KeyError("x") if number(user) == 3 else "Verdict: NOT VIOLATED")
    expected = run("A draft.", MANY)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert run("A draft.", MANY) == expected
    said = capsys.readouterr().out
    assert said.count("\n") == (1 if run is in_threads else 0)
    assert ("Threads cannot start here" in said) == (run is in_threads)


def test_the_event_loop_goes_on_while_critics_wait(monkeypatch):
    use(monkeypatch, lambda system, user: time.sleep(0.05) or "Verdict: NOT VIOLATED")

    async def main():
        ticks = 0
        task = asyncio.create_task(parallel_critique_async("A draft.", MANY[:4]))
        while not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(main()) >= 2
