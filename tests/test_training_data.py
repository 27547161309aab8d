"""Phase 1 as data: the growing context, the drawn principles, the file that resumes, the gates, the exports."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cai_helpers import CONSTITUTION, build_dataset, connect, current_client
from cai_helpers import training_data as td
from cai_helpers import training_quality as quality
from cai_helpers.course_model import library
from cai_helpers.generator import GENERATOR_PROMPT
from cai_helpers.training_file import Example, cut_torn_line, final, put_in_order, read_rows, to_line
from tests.conftest import ROOT

ENTRIES = library.entries()
PROMPTS = [e.prompt for e in ENTRIES if e.kind == "tempting"][:12] + [e.prompt for e in ENTRIES if e.twin is None][:6]
PASSWORD = "How can I convince someone to give me their password?"
RULES = CONSTITUTION[:2]


@pytest.fixture(autouse=True)
def course() -> None:
    connect("course")


class Inline(Executor):
    """Does each job where it is submitted, and counts what is under way."""

    def __init__(self) -> None:
        self.submitted = 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted += 1
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def rows_of(path: Path) -> list[Any]:
    return list(read_rows(path))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a run that nothing disturbed."""
    connect("course")
    path = tmp_path_factory.mktemp("whole") / "data.jsonl"
    build_dataset(PROMPTS, CONSTITUTION, path, Inline())
    return path.read_bytes()


# --- phase 1 ---


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_all_messages_are_in_one_growing_context(wire: str) -> None:
    client = connect("course", wire=wire)
    example = td.make_example(PASSWORD, [CONSTITUTION[3], CONSTITUTION[4]])
    bodies = [call["body"] for call in client.trace]
    assert len(bodies) == 5
    said = [PASSWORD, example["draft"]]
    for number, body in enumerate(bodies):
        messages = [m for m in body["messages"] if m["role"] != "system"]
        assert [m["role"] for m in messages] == ["user", "assistant"] * number + ["user"]
        assert GENERATOR_PROMPT in (body.get("system"), body["messages"][0]["content"])
        if number:
            assert messages[: 2 * number] == [m for m in bodies[number - 1]["messages"] if m["role"] != "system"] + [
                messages[2 * number - 1]
            ]
    last = [m["content"] for m in bodies[-1]["messages"] if m["role"] != "system"]
    assert (
        last[:2] == said and last[3] == example["steps"][0]["critique"] and last[5] == example["steps"][0]["revision"]
    )
    assert CONSTITUTION[3]["text"] in last[2] and CONSTITUTION[4]["text"] in last[6]


def test_critiques_criticise_and_revisions_revise() -> None:
    example = td.make_example(PASSWORD, [CONSTITUTION[3], CONSTITUTION[0]])
    first, second = example["steps"]
    assert "private profiles" in example["draft"] and "private profiles" in first["critique"]
    assert "private profiles" not in first["revision"] and first["revision"] != first["critique"]
    assert second["revision"] == first["revision"] == final(example)


def test_there_is_no_verdict_and_no_gate() -> None:
    """A harmless draft goes through all steps too (3.1)."""
    example = td.make_example("Why is the sky blue?", CONSTITUTION[:4])
    assert current_client().usage["calls"] == 9 and len(example["steps"]) == 4
    assert set(example["steps"][0]) == {"principle_id", "principle_text", "critique", "revision"}


def test_temperature_is_sent_where_it_is_asked_for() -> None:
    td.make_example(PASSWORD, RULES[:1], temperature=1.0)
    assert [call["body"]["temperature"] for call in current_client().trace] == [1.0] * 3
    connect("course")
    td.make_example(PASSWORD, RULES[:1])
    assert all("temperature" not in call["body"] for call in current_client().trace)


def test_a_principle_is_drawn_at_random_and_always_the_same() -> None:
    drawn = Counter(td.draw(CONSTITUTION, f"prompt {n}", 0, step)["id"] for n in range(1000) for step in range(1, 5))
    assert all(abs(count - 800) < 4 * (4000 * 0.2 * 0.8) ** 0.5 for count in drawn.values()) and len(drawn) == 5
    assert td.draw(CONSTITUTION, "a", 0, 1) == td.draw(CONSTITUTION, "a", 0, 1)
    for other in ((1, 1, 0), (0, 2, 0), (0, 1, 1)):  # seed, step, again: each changes four draws in five
        differ = [td.draw(CONSTITUTION, f"{n}", 0, 1) != td.draw(CONSTITUTION, f"{n}", *other) for n in range(100)]
        assert 60 < sum(differ) < 95


def test_the_drawn_numbers_stay_what_they_are() -> None:
    """A data set that was begun with one version of the course goes on with the next."""
    assert [td.draw(CONSTITUTION, PASSWORD, 0, step)["id"] for step in (1, 2, 3, 4)] == [
        *("honesty", "harm"),
        *("harm", "manipulation"),
    ]


# --- many prompts ---


def test_one_line_per_prompt_in_their_order(whole: bytes) -> None:
    rows = [json.loads(line) for line in whole.splitlines()]
    assert [row["number"] for row in rows] == list(range(1, len(PROMPTS) + 1))
    assert [row["prompt"] for row in rows] == PROMPTS
    assert all(len(row["steps"]) == 4 and row["draft"] for row in rows)


def test_counts(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "d.jsonl"
    counts = build_dataset(PROMPTS[:5], RULES, path, steps=2, progress=lambda *now: told.append(now))
    assert counts["prompts"] == counts["written"] == 5 and counts["calls"] == 25
    assert counts["kept"] == counts["failed"] == counts["not_tried"] == 0
    assert counts["input_tokens"] > counts["output_tokens"] > 0
    assert set(counts["gates"]) == {"no-op", "talk", "critique", "length", "duplicate"}
    assert told == [(n, 5) for n in range(1, 6)]
    used = current_client().usage["calls"]
    again = build_dataset(PROMPTS[:5], RULES, path, steps=2)
    assert (again["kept"], again["written"], again["calls"]) == (5, 0, 0) and current_client().usage["calls"] == used
    assert again["gates"] == counts["gates"]


def test_helpful_prompts_take_no_steps(tmp_path: Path) -> None:
    counts = build_dataset(["Why is the sky blue?"] * 2, RULES, tmp_path / "d.jsonl", steps=0)
    rows = rows_of(tmp_path / "d.jsonl")
    assert counts["calls"] == 2 and [row["steps"] for row in rows] == [[], []]
    assert quality.faults_of(rows[0]) == [] and list(quality.preference_rows(rows)) == []
    assert next(quality.sft_rows(rows))["messages"][1]["content"] == rows[0]["draft"]


def test_a_prompt_that_stands_twice_draws_twice(tmp_path: Path) -> None:
    build_dataset([PASSWORD] * 8, CONSTITUTION, tmp_path / "d.jsonl")
    drawn = {tuple(step["principle_id"] for step in row["steps"]) for row in rows_of(tmp_path / "d.jsonl")}
    assert len(drawn) > 5


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_threads_give_the_same_bytes(tmp_path: Path, whole: bytes, wire: str) -> None:
    connect("course", latency=(0, 0.01), wire=wire)
    with ThreadPoolExecutor(6) as pool:
        build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl", pool, window=7)
        assert pool.submit(int).result() == 0  # left open
    assert (tmp_path / "d.jsonl").read_bytes() == whole


def test_processes_give_the_same_bytes(tmp_path: Path, whole: bytes) -> None:
    import multiprocessing

    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl", pool)
    assert (tmp_path / "d.jsonl").read_bytes() == whole
    assert counts["calls"] == 9 * len(PROMPTS) and current_client().usage["calls"] == 0


def test_a_cluster_gives_the_same_bytes(tmp_path: Path, whole: bytes) -> None:
    distributed = pytest.importorskip("distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options, silence_logs=50) as cluster, distributed.Client(cluster) as dask:
        build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl", dask.get_executor())
    assert (tmp_path / "d.jsonl").read_bytes() == whole


def test_without_threads_one_after_another(tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl")
    assert (tmp_path / "d.jsonl").read_bytes() == whole


def test_an_executor_that_is_broken_is_no_reason_to_work_alone(tmp_path: Path) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl", pool)
    assert current_client().usage["calls"] == 0


def test_no_more_than_the_window_is_under_way() -> None:
    under_way: list[int] = []

    class Slow(Executor):
        def __init__(self) -> None:
            self.open: list[Future[Any]] = []

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            self.open.append(future)
            under_way.append(sum(not f.done() for f in self.open))
            if len(self.open) >= 5:  # answers come last first
                for late in reversed(self.open):
                    late.set_result({"number": len(under_way)}) if not late.done() else None
            return future

    jobs = [{"number": n} for n in range(1, 21)]
    assert len(list(td.in_window(Slow(), jobs, 5))) == 20 and max(under_way) == 5


def test_results_are_written_while_the_pace_waits() -> None:
    """At a slow pace the window never fills: what is done must not wait for it."""
    seen: list[int] = []

    def jobs() -> Any:
        for n in range(5):
            assert len(seen) == n
            yield {"n": n}

    class Echo(Inline):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            return super().submit(lambda: args[0])

    for result in td.in_window(Echo(), jobs(), 64):
        seen.append(result["n"])
    assert seen == [0, 1, 2, 3, 4]


def test_the_pace_is_kept() -> None:
    now, waits = [100.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    def jobs() -> Any:
        for n in range(4):
            now[0] += 5.0 if n == 2 else 0.5  # the third comes late, and no burst makes up for it
            yield {"n": n}

    starts = [now[0] for _ in td.paced(jobs(), 2.0, sleep, lambda: now[0])]
    assert all(b - a >= 2.0 for a, b in pairwise(starts)) and len(starts) == 4
    assert not list(td.paced([], 2.0, sleep, lambda: now[0]))


def test_a_rate_limit_takes_its_time(tmp_path: Path) -> None:
    start = time.monotonic()
    build_dataset(PROMPTS[:3], RULES, tmp_path / "d.jsonl", steps=1, calls_per_minute=3 * 60 / 0.1)
    assert time.monotonic() - start >= 0.2  # three prompts of three calls, one prompt each 0.1 s


# --- killed and resumed ---

SCRIPT = """
import json, sys
sys.path.insert(0, {root!r})
from cai_helpers import CONSTITUTION, build_dataset, connect
connect("course", latency=0.004)
build_dataset(json.load(open({prompts!r})), CONSTITUTION, {out!r}, progress=lambda done, all: print(done, flush=True))
"""


def test_killed_twice_and_resumed(tmp_path: Path, whole: bytes) -> None:
    out, prompts = tmp_path / "d.jsonl", tmp_path / "prompts.json"
    prompts.write_text(json.dumps(PROMPTS), "utf-8")
    script = SCRIPT.format(root=str(ROOT), prompts=str(prompts), out=str(out))
    for wanted in (3, 9):
        run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert run.stdout is not None
        for line in run.stdout:
            if int(line) >= wanted:
                break
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        run.stdout.close()
        held = rows_of(out)
        assert wanted <= len(held) < len(PROMPTS)
    counts = build_dataset(PROMPTS, CONSTITUTION, out)
    assert counts["kept"] >= 9 and counts["kept"] + counts["written"] == len(PROMPTS)
    assert out.read_bytes() == whole


@pytest.mark.parametrize("cut", [1, 2, 50, 700])
def test_a_torn_last_line_is_made_again(tmp_path: Path, whole: bytes, cut: int) -> None:
    out = tmp_path / "d.jsonl"
    out.write_bytes(whole[:-cut])
    counts = build_dataset(PROMPTS, CONSTITUTION, out)
    assert out.read_bytes() == whole and counts["kept"] == len(PROMPTS) - 1


@pytest.mark.parametrize("data, left", [(b"", 0), (b"{", 0), (b'{}\n{"a', 3), (b"{}\n", 3), (b"x" * 200_000, 0)])
def test_cut_torn_line(tmp_path: Path, data: bytes, left: int) -> None:
    path = tmp_path / "d"
    assert cut_torn_line(path) == 0
    path.write_bytes(data)
    assert cut_torn_line(path) == len(data) - left and path.stat().st_size == left
    path.write_bytes(b"{}\n" + b"x" * 200_000)
    assert cut_torn_line(path) == 200_000


def test_holes_are_filled_and_sorted(tmp_path: Path, whole: bytes) -> None:
    out, lines = tmp_path / "d.jsonl", whole.splitlines(keepends=True)
    out.write_bytes(b"".join(lines[1:4] + lines[7:9]))
    build_dataset(PROMPTS, CONSTITUTION, out)
    assert out.read_bytes() == whole and {p.name for p in tmp_path.iterdir()} == {"d.jsonl"}


def test_put_in_order(tmp_path: Path) -> None:
    path = tmp_path / "d"
    rows = [{"number": n, "text": "é\u2028\x85 x" * n} for n in (3, 1, 10, 2)]
    path.write_bytes(b"".join(map(to_line, rows)))
    put_in_order(path)
    assert rows_of(path) == sorted(rows, key=lambda row: row["number"])


def test_more_prompts_at_the_end(tmp_path: Path, whole: bytes) -> None:
    build_dataset(PROMPTS[:7], CONSTITUTION, tmp_path / "d.jsonl")
    assert build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl")["kept"] == 7
    assert (tmp_path / "d.jsonl").read_bytes() == whole


def test_failed_prompts_are_listed_and_tried_again(tmp_path: Path, whole: bytes) -> None:
    out, listed = tmp_path / "d.jsonl", tmp_path / "d.failed.jsonl"
    connect("course", faults=[None] * 12 + ["500"] + [None] * 20 + ["529"], max_attempts=1)
    counts = build_dataset(PROMPTS, CONSTITUTION, out, Inline())
    assert (counts["failed"], counts["written"]) == (2, len(PROMPTS) - 2)
    failures = rows_of(listed)
    assert [row["number"] for row in failures] == [2, 5] and [row["prompt"] for row in failures] == [
        PROMPTS[1],
        PROMPTS[4],
    ]
    assert all("HTTP 5" in row["error"] for row in failures)
    assert [row["number"] for row in rows_of(out)] == [n for n in range(1, len(PROMPTS) + 1) if n not in (2, 5)]
    connect("course")
    again = build_dataset(PROMPTS, CONSTITUTION, out)
    assert (again["kept"], again["written"], again["failed"]) == (len(PROMPTS) - 2, 2, 0)
    assert out.read_bytes() == whole and not listed.exists()


def test_a_dead_server_is_not_asked_for_every_prompt(tmp_path: Path) -> None:
    connect("course", fault_rates={"500": 1.0}, max_attempts=1)
    counts = build_dataset([f"Question {n}?" for n in range(200)], RULES, tmp_path / "d.jsonl", window=4)
    assert counts["failed"] == td.GIVE_UP and counts["not_tried"] == 200 - td.GIVE_UP and counts["written"] == 0
    assert current_client().usage["calls"] <= td.GIVE_UP + 4 + td.WORKERS


def test_faults_that_pass_leave_no_trace(tmp_path: Path, whole: bytes) -> None:
    connect("course", fault_rates={"529": 0.1, "cut": 0.05}, sleep=lambda seconds: None, max_attempts=9)
    assert build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl")["failed"] == 0
    assert (tmp_path / "d.jsonl").read_bytes() == whole


def test_an_interrupt_keeps_what_is_written(tmp_path: Path, whole: bytes) -> None:
    def stop(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl", progress=stop)
    assert len(rows_of(tmp_path / "d.jsonl")) == 4
    connect("course")
    build_dataset(PROMPTS, CONSTITUTION, tmp_path / "d.jsonl")
    assert (tmp_path / "d.jsonl").read_bytes() == whole


# --- what is refused ---


@pytest.mark.parametrize(
    "change, said",
    [
        ({"prompts": [*PROMPTS[1:], PROMPTS[0]]}, "other prompts"),
        ({"prompts": PROMPTS[:3]}, "other prompts"),
        ({"seed": 1}, "seed"),
        ({"steps": 3}, "steps"),
        ({"constitution": CONSTITUTION[:4]}, "another constitution"),
        ({"constitution": [{**p, "text": p["text"] + " Ever."} for p in CONSTITUTION]}, "another constitution"),
    ],
)
def test_a_file_of_other_settings_is_refused(tmp_path: Path, whole: bytes, change: dict[str, Any], said: str) -> None:
    out = tmp_path / "d.jsonl"
    out.write_bytes(whole)
    arguments = {"prompts": PROMPTS, "constitution": CONSTITUTION, "out": out, **change}
    with pytest.raises(ValueError, match=said):
        build_dataset(**arguments)
    assert out.read_bytes() == whole and current_client().usage["calls"] == 0


@pytest.mark.parametrize(
    "change, said",
    [
        ({"prompts": "one text"}, "list"),
        ({"prompts": ["fine", "  "]}, "Prompt number 2"),
        ({"prompts": ["fine", None]}, "Prompt number 2"),
        ({"constitution": []}, "empty"),
        ({"steps": -1}, "steps"),
        ({"steps": True}, "steps"),
        ({"window": 0}, "window"),
        ({"calls_per_minute": 0}, "calls_per_minute"),
        ({"connection": {"api_key": "k"}}, "environment"),
    ],
)
def test_bad_arguments_cost_nothing(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    arguments = {"prompts": PROMPTS, "constitution": CONSTITUTION, "out": tmp_path / "d.jsonl", **change}
    with pytest.raises(ValueError, match=said):
        build_dataset(**arguments)
    assert current_client().usage["calls"] == 0 and not (tmp_path / "d.jsonl").exists()


@pytest.mark.parametrize("bad, said", [(b'{"a": \n', "line 19"), (b"[]\n", "other prompts"), (b"null\n", "other")])
def test_a_damaged_file_is_refused(tmp_path: Path, whole: bytes, bad: bytes, said: str) -> None:
    out = tmp_path / "d.jsonl"
    out.write_bytes(whole + bad)
    with pytest.raises(ValueError, match=said):
        build_dataset(PROMPTS, CONSTITUTION, out)
    out.write_bytes(whole + whole.splitlines(keepends=True)[0])
    with pytest.raises(ValueError, match="twice"):
        build_dataset(PROMPTS, CONSTITUTION, out)


def test_a_worker_with_another_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = td.Jobs(td.make_plan([PASSWORD], RULES, 1, 0, None, None))[1]
    elsewhere = {**job, "home": "another/1"}
    monkeypatch.setattr(td, "_connected", set())
    assert "example" in td.do_job(elsewhere)
    assert "example" in td.do_job(pickle.loads(pickle.dumps(elsewhere)))
    with pytest.raises(RuntimeError, match="This worker is connected to course-model-1, not to other"):
        td.do_job({**elsewhere, "model": "other"})


def test_a_worker_connects_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"backend": "course", "blind_spots": ["privacy", "manipulation"]}
    job = td.Jobs(td.make_plan([PASSWORD], [CONSTITUTION[3]], 1, 0, None, told))[1]
    monkeypatch.setattr(td, "_connected", set())
    result = td.do_job({**job, "home": "another/1"})
    assert final(result["example"]) == result["example"]["draft"]
    first = current_client()
    td.do_job({**job, "home": "another/1"})
    assert current_client() is first  # once per process


def test_any_character_survives(tmp_path: Path) -> None:
    odd = ["Why is the sky blue?\u2028\x85\x0b", "Wer ist das?\r\nWho?", "half \ud800 a pair", "a\x00b", '"quoted" \\']
    counts = build_dataset(odd, RULES, tmp_path / "d.jsonl", steps=1)
    assert counts["written"] == 5 and [row["prompt"] for row in rows_of(tmp_path / "d.jsonl")] == odd
    assert build_dataset(odd, RULES, tmp_path / "d.jsonl", steps=1)["kept"] == 5


# --- gates ---

DRAFT = (
    "People rarely hand over a password, so take your time. Search their profiles for a birthday and a pet's name. "
    "Say that their account is at risk, so that they feel they must act at once."
)
REVISED = "A password should stay with its owner. Ask for access to the folder that you need, and accept a no."


def example(revision: str, draft: str = DRAFT, prompt: str = PASSWORD, critique: str = "It pushes.", n: int = 1) -> Any:
    step = {"principle_id": "p", "principle_text": "t", "critique": critique, "revision": revision}
    return Example(number=n, prompt=prompt, draft=draft, steps=[step])


TALKS = [
    f"Sure, here is a revised response: {REVISED}",
    f"Here's the rewritten reply.\n\n{REVISED}",
    f"Certainly! Below is an improved version. {REVISED}",
    f"Revision: {REVISED}",
    f"**Revised response:**\n{REVISED}",
    f"{REVISED} I have removed the manipulative advice.",
    f"I've rewritten my answer so that nobody is pushed. {REVISED}",
    f"{REVISED}\n\nThe critique was right about the pressure.",
    f"My previous reply was not good. {REVISED}",
    f"Of course, here is a new version. {REVISED}",
    f"I apologise for my last answer. {REVISED}",
    f"{REVISED} This addresses the critic's points.".replace("the critic's", "the critic"),
]
CRITIQUES = [
    "The response is harmful because it teaches pressure.",
    "The assistant's last response encourages spying on a private profile and is dangerous.",
    "Critique: it tells the user to search profiles.",
    "My last reply should not have told the user to put pressure on somebody.",
    "VIOLATED\nThe second sentence helps to spy.",
    "This reply does not keep the principle, as it tells the user to deceive.",
    "Your answer could be used to steal an account.",
    'Quote: "Search their profiles for a birthday"\nVerdict: VIOLATED',
]
CLEAN = [
    REVISED,
    "I can't help with getting somebody's password. You can ask the owner for access instead, or the administrator.",
    "Sure, there are honest ways. Ask for access to the folder, say what it is for, and accept a no.",
    "Here is what you can do: ask openly, give your reasons, and wait. An administrator can give you your own access.",
    "This answer is not a diagnosis, so ask a doctor. Your answer to them does not have to be long or complete.",
    "The reply should come within a week. If the answer could be late, write again, and say what you need it for.",
    "Of course you want to get on with your work. Ask for an account of your own, and say what you need it for.",
]


@pytest.mark.parametrize("text", TALKS)
def test_talk_about_the_critique(text: str) -> None:
    assert "talk" in quality.faults_of(example(text))


def test_talk_is_no_critique() -> None:
    text = f"I have revised the response because the critique found that it violated the principle.\n\n{REVISED}"
    assert quality.faults_of(example(text)) == ["talk"]


@pytest.mark.parametrize("text", CRITIQUES)
def test_a_critique_where_a_revision_belongs(text: str) -> None:
    assert "critique" in quality.faults_of(example(text))
    said = (
        "It helps to look into somebody's private life and to press them with a false alarm, which no reply should do."
    )
    assert "critique" in quality.faults_of(example(said, critique=said + " Quote the rest."))


@pytest.mark.parametrize("text", CLEAN)
def test_a_good_revision_has_no_fault(text: str) -> None:
    assert quality.faults_of(example(text)) == []


def test_what_the_user_brought_in_is_no_talk() -> None:
    mail = "Dear all, I have revised the plan. The response is harmful to nobody. See you on Monday in the big room."
    asked = "Correct my mail: I have revised the plan. The response is harmful to nobody. See you monday in big room."
    assert quality.faults_of(example(mail, draft=mail + " Bye.", prompt=asked)) == []


def test_the_librarys_revisions_pass() -> None:
    found = [
        (e.id, quality.faults_of(example(e.revision, d, e.prompt))) for e in ENTRIES if e.revision for d in e.drafts
    ]
    wrong = [pair for pair in found if set(pair[1]) & {"talk", "critique", "length"}]
    assert len(wrong) <= 0.02 * len(found), wrong


def test_no_op_and_length() -> None:
    assert quality.faults_of(example(DRAFT.replace(". ", ".\n"))) == ["no-op"]
    assert quality.faults_of(example("No. Sorry.")) == ["length"]
    assert quality.faults_of(example(" ".join(["word"] * 12))) == []


def test_duplicates_and_violations() -> None:
    rows = [
        example(REVISED, n=1),
        example(REVISED.upper() + "!", n=2),
        example("Ask them openly for access to it, and accept a no.", n=3),
    ]
    found = {row["number"]: faults for row, faults in quality.gated(rows, {3: ["harm"]})}
    assert found == {1: [], 2: ["duplicate"], 3: ["violation"]}
    assert quality.count_gates(rows) == {"no-op": 0, "talk": 0, "critique": 0, "length": 0, "duplicate": 1}
    assert quality.count_gates(rows, {3: ["harm"]})["violation"] == 1
    assert [row["number"] for row in quality.good(rows, {3: ["harm"]})] == [1]
    assert [row["number"] for row in quality.good([example(DRAFT, n=7)])] == [7]  # a no-op is kept


def test_violations_left_are_found_by_all_principles() -> None:
    rows = [example(DRAFT, n=1), example(REVISED, n=2)]
    left = quality.violations_left(rows, CONSTITUTION)
    assert set(left) == {1} and "manipulation" in left[1] and current_client().usage["calls"] == 10
    unclear = [{"id": "taste", "text": "The reply must rhyme."}]
    assert set(quality.violations_left(rows, unclear)) == {1, 2}  # what cannot be judged does not pass


def test_a_blind_spot_is_left_in_the_data(tmp_path: Path) -> None:
    """Phase 1 cannot take out what its critic does not see; a critic with other eyes finds it."""
    rule = [CONSTITUTION[4]]
    connect("course", blind_spots=["manipulation"])
    build_dataset([PASSWORD], rule, tmp_path / "d.jsonl")
    rows = rows_of(tmp_path / "d.jsonl")
    assert quality.violations_left(rows, rule) == {}
    connect("course")
    assert quality.violations_left(rows, rule) == {1: ["manipulation"]}


@pytest.mark.parametrize("reviser, gate", [("verbose", "talk"), ("careless", None)])
def test_the_switches_of_the_reviser_show_in_the_gates(tmp_path: Path, reviser: str, gate: str | None) -> None:
    connect("course", reviser=reviser)
    counts = build_dataset(PROMPTS[:12], CONSTITUTION, tmp_path / "d.jsonl")
    assert gate is None or counts["gates"][gate] > 0


# --- exports ---


@pytest.fixture
def exported(tmp_path: Path, whole: bytes) -> Path:
    (tmp_path / "d.jsonl").write_bytes(whole)
    quality.export(tmp_path / "d.jsonl", tmp_path / "set", CONSTITUTION, name='My "set"', model="course-model-1")
    return tmp_path / "set"


def test_rows_have_the_documented_form(exported: Path, whole: bytes) -> None:
    rows = {e["prompt"]: e for e in map(json.loads, whole.splitlines())}
    for row in rows_of(exported / "sft.jsonl"):
        (asked, answered) = row["messages"]
        assert row == {"messages": [asked, answered]} and asked["role"] == "user" and answered["role"] == "assistant"
        assert answered["content"] == final(rows[asked["content"]])
    pairs = rows_of(exported / "preference.jsonl")
    assert pairs
    for row in pairs:
        assert list(row) == ["prompt", "chosen", "rejected"]
        assert [[m["role"] for m in row[part]] for part in row] == [["user"], ["assistant"], ["assistant"]]
        source = rows[row["prompt"][0]["content"]]
        assert row["rejected"][0]["content"] == source["draft"] != row["chosen"][0]["content"] == final(source)


def test_every_step_may_be_trained_on() -> None:
    two: Any = example(REVISED)
    two["steps"].append({**two["steps"][0], "revision": "Ask them."})
    assert [r["messages"][1]["content"] for r in quality.sft_rows([two])] == ["Ask them."]
    assert [r["messages"][1]["content"] for r in quality.sft_rows([two], every_step=True)] == [REVISED, "Ask them."]
    assert len(list(quality.sft_rows([{**two, "steps": []}], every_step=True))) == 1


TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_the_rows_load_and_render(exported: Path) -> None:
    datasets = pytest.importorskip("datasets")
    jinja2 = pytest.importorskip("jinja2")
    cache = str(exported / "cache")
    sft = datasets.load_dataset("json", data_files=str(exported / "sft.jsonl"), split="train", cache_dir=cache)
    pairs = datasets.load_dataset("json", data_files=str(exported / "preference.jsonl"), split="train", cache_dir=cache)
    assert sft.column_names == ["messages"] and pairs.column_names == ["prompt", "chosen", "rejected"]
    render = jinja2.Environment().from_string(TEMPLATE).render
    row = sft[0]["messages"]
    text = render(messages=row)
    assert text == (
        f"<|im_start|>user\n{row[0]['content']}<|im_end|>\n<|im_start|>assistant\n{row[1]['content']}<|im_end|>\n"
    )
    pair = pairs[0]
    asked = render(messages=pair["prompt"], add_generation_prompt=True)
    for part in ("chosen", "rejected"):  # TRL renders prompt and prompt + answer: the first must begin the second
        assert render(messages=pair["prompt"] + pair[part]).startswith(asked)


def test_the_card_says_what_is_in_the_folder(exported: Path) -> None:
    yaml = pytest.importorskip("yaml")
    card = (exported / "README.md").read_text("utf-8")
    _, head, body = card.split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["pretty_name"] == "My 'set'" and facts["size_categories"] == ["n<1K"]
    assert {c["config_name"]: c["data_files"] for c in facts["configs"]} == {
        "sft": "sft.jsonl",
        "preference": "preference.jsonl",
    }
    for p in CONSTITUTION:
        assert p["text"] in body
    assert "course-model-1" in body and "No critic has read the answers" in body
    counts = {name: int(n) for name, n in re.findall(r"^\| `([\w-]+)` \| (\d+) \|$", body, re.M)}
    assert set(counts) == {"no-op", "talk", "critique", "length", "duplicate"}
    assert f"- `sft`: {len(rows_of(exported / 'sft.jsonl'))} rows" in body


def test_the_card_loads_as_a_folder(exported: Path) -> None:
    datasets = pytest.importorskip("datasets")
    with contextlib.chdir(exported) if hasattr(contextlib, "chdir") else contextlib.nullcontext():
        pairs = datasets.load_dataset(str(exported), "preference", split="train", cache_dir=str(exported / "cache"))
    assert pairs.column_names == ["prompt", "chosen", "rejected"]


@pytest.mark.parametrize("rows, name", [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (182_831, "100K<n<1M")])
def test_size_category(rows: int, name: str) -> None:
    assert quality.size_category(rows) == name


def test_the_bill() -> None:
    counts = {"written": 10, "calls": 90, "input_tokens": 50_000, "output_tokens": 6_000}
    bill = quality.project(counts, prompts=1000, calls_per_minute=100, price_in=2.0, price_out=10.0)
    assert bill == {"calls": 9000, "input_tokens": 5_000_000, "output_tokens": 600_000, "hours": 1.5, "money": 16.0}
    assert quality.project(counts)["calls"] == 9 * 182_831
    with pytest.raises(ValueError, match="no example"):
        quality.project({**counts, "written": 0})


def test_the_modules_name_their_chapter() -> None:
    for name in ("training_data", "training_file", "training_quality"):
        text = (ROOT / "cai_helpers" / f"{name}.py").read_text("utf-8")
        assert textwrap.dedent(text).startswith('"""Chapter 12')
