"""check(): right and wrong answers, what learners' code may do to the kernel, and what stays as it was."""

from __future__ import annotations

import ast
import builtins
import json
import os
import random
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cai_helpers import client, connect
from cai_helpers.learning import exercises, instant, limits, sandbox, shelter
from cai_helpers.learning.exercises import Exercise
from cai_helpers.learning.instant import Feedback, check, examine
from tests.learning.sample_course import PASSES_ANSWER, SETUP, VERDICTS_ANSWER, VERDICTS_GIVEN, write_sample


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    write_sample(root)
    return root


@pytest.fixture
def first(course: Path) -> Exercise:
    return exercises.find_exercise("90.1", course)


@pytest.fixture
def second(course: Path) -> Exercise:
    return exercises.find_exercise("90.2", course)


def judged(exercise: Exercise, answer: str, before: str = "") -> tuple[str, str]:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(before, names)
    exec(answer, names)
    return examine(exercise, names, answer)


def passes(body: str) -> str:
    return "# ANSWER 90.1\ndef passes(reply):\n    " + body.replace("\n", "\n    ")


RIGHT = [
    PASSES_ANSWER,
    passes("return reply.strip().lower()[:12] == 'not violated'"),
    "# ANSWER 90.1\nimport re\npasses = lambda r: bool(re.match(r'\\s*not violated', r, re.I))",
    passes("print('debug', reply)\nreturn reply.strip().upper().startswith('NOT V')"),
    passes("import warnings\nwarnings.warn('x')\nreturn reply.strip().upper().startswith('NOT V')"),
    passes("exit()\nreturn reply.strip().upper().startswith('NOT V')"),
    "print = bool = None\n" + passes("return reply.strip().upper().startswith('NOT V')"),
]

WRONG = [
    passes("return True"),
    passes("return 'NOT VIOLATED' in reply.upper()"),
    passes("return reply == 'NOT VIOLATED'"),
    passes("return not reply.strip().upper().startswith('NOT VIOLATED')"),
    passes("print(True)"),
    passes("raise SystemExit(0)"),
    passes("import os\nos._exit(0)"),
    passes("return input()"),
    passes("raise BaseException('x')"),
    passes("return (lambda f: f(f))(lambda f: f(f))"),
    passes("class Lie(str):\n    __eq__ = lambda s, o: True\n    __repr__ = lambda s: 'True'\nreturn Lie('True')"),
    "# ANSWER 90.1\ndef is_pass(reply):\n    return reply.strip().upper().startswith('NOT VIOLATED')",
    passes("class L:\n    __eq__ = lambda s, o: True\n    __bool__ = lambda s: True\nreturn L()"),
    "import builtins\n_keep = builtins.bool\nbuiltins.bool = lambda *a: True\n" + passes("return True"),
]


@pytest.mark.parametrize("answer", RIGHT)
def test_right_answers_are_correct_whatever_they_print(first: Exercise, answer: str) -> None:
    assert judged(first, answer) == ("correct", f"Correct. {first.explanation}")


@pytest.mark.parametrize("answer", WRONG)
def test_wrong_answers_are_not(first: Exercise, answer: str) -> None:
    kept = builtins.bool
    try:
        verdict, text = judged(first, answer)
    finally:
        builtins.bool = kept  # type: ignore[misc]
    assert verdict == "not yet" and text.startswith("Not yet: ") and "\n" not in text


def test_a_patched_library_neither_helps_nor_breaks_a_check(first: Exercise, monkeypatch: pytest.MonkeyPatch) -> None:
    for owner, name in ((ast, "parse"), (json, "dumps"), (re, "match"), (exercises, "joined"), (shelter, "shell")):
        monkeypatch.setattr(owner, name, lambda *given, **named: True)
    monkeypatch.setattr(sandbox.Sandbox, "run", lambda *given: sandbox.Run("True"))
    assert judged(first, passes("return True"))[0] == "not yet"
    assert judged(first, passes("return reply.strip().upper().startswith('NOT V')"))[0] == "correct"
    assert ast.parse("1") is True, "the learner's own comes back"


def test_used_up_memory_gets_its_own_sentence(first: Exercise) -> None:
    verdict, text = judged(first, passes("raise MemoryError"))
    assert verdict == "not yet" and "never stops growing" in text


def test_the_browser_is_honest_about_loops_once(
    course: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAI_EXERCISES", str(exercises.data_folder(course)))
    monkeypatch.setenv("CAI_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(instant, "BROWSER", True)
    monkeypatch.setattr(instant, "_said", set())
    for _ in range(2):
        assert check("90.1").verdict != "error"
    assert capsys.readouterr().out == instant.LOOPS + "\n"


def test_the_named_mistake_speaks_first(first: Exercise, second: Exercise) -> None:
    assert "only mentions the words" in judged(first, passes("return 'NOT VIOLATED' in reply.upper()"))[1]
    ordered = "def failing(names):\n    return sorted(n for n in names if ask(n) != 'NOT VIOLATED')"
    assert judged(second, ordered, VERDICTS_GIVEN)[1] == f"Not yet: {second.mistakes[0].say}"


def test_otherwise_the_first_difference(second: Exercise) -> None:
    answer = "def failing(names):\n    return [n for n in names if ask(n) != 'NOT VIOLATED'][1:] + ['a']"
    said = judged(second, answer, VERDICTS_GIVEN)[1]
    assert said == "Not yet: An unclear reply must count as failing. Expected ['c'], got ['a']."


def test_not_started(first: Exercise, second: Exercise) -> None:
    assert judged(first, first.starter)[0] == "not started"
    assert judged(second, second.starter, VERDICTS_GIVEN)[0] == "not started"
    assert examine(first, {}, None)[0] == "not started"
    assert examine(first, {"passes": ...}, None)[0] == "not started"
    assert examine(first, {"passes": lambda reply: True}, None)[0] == "not yet"


def test_a_missing_name_and_a_broken_cell_get_their_own_sentence(first: Exercise, second: Exercise) -> None:
    assert "passes is not defined: your answer must define this name" in judged(first, "other = 1")[1]
    assert "ask is not defined: run the cells between" in judged(second, VERDICTS_ANSWER)[1]
    assert examine(first, {}, passes("return (")) == (
        "not yet",
        "Not yet: Python cannot read your answer, line 3: '(' was never closed.",
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals")
@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "while True:\n    try:\n        sum(range(100))\n    except:\n        pass",
        "import time\ntime.sleep(30)",
    ],
)
def test_an_endless_loop_is_stopped(first: Exercise, monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    monkeypatch.setattr(instant, "SECONDS", 0.2)
    start = time.perf_counter()
    verdict, text = judged(first, passes(loop))
    assert verdict == "not yet" and "look for a loop that never stops" in text
    assert time.perf_counter() - start < 5


def test_without_signals_a_loop_is_stopped_too() -> None:
    found: list[sandbox.Run] = []
    names: dict[str, Any] = {}
    exec("def loop():\n    while True:\n        pass", names)

    def work() -> None:
        with sandbox.Sandbox(names) as box:
            found.append(box.run("loop()", 0.2))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert found == [sandbox.Run(late=True)]


def test_only_the_check_is_stopped() -> None:
    with limits.time_limit(0.05, {}):
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:  # no check is running: our own code goes on
            pass


def test_everything_is_as_it_was_afterwards(first: Exercise, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    mine = connect("course")
    random.seed(1)
    names: dict[str, Any] = {"len": "mine", "exit": "mine too"}
    body = "import os, random, sys\nfrom cai_helpers import call_llm, connect\nglobals()['added'] = 1\nos.chdir('/')\n"
    body += "os.environ['CAI_X'] = 'y'\nrandom.random()\nconnect('course')\ncall_llm('', 'hi')\nreturn 1 / 0"
    exec(passes(body), names)
    before, streams = dict(names), (sys.stdout, sys.stderr, sys.gettrace())
    examine(first, names, None)
    assert names == before
    assert (sys.stdout, sys.stderr, sys.gettrace()) == streams
    assert (Path.cwd(), "CAI_X" in os.environ) == (tmp_path, False)
    assert client.current_client() is mine and mine.usage["calls"] == 0
    after = random.random()
    random.seed(1)
    assert after == random.random()


def test_checks_never_reach_a_live_model(first: Exercise) -> None:
    before = client._current
    try:
        connect("anthropic", api_key="k" * 20, base_url="http://127.0.0.1:9")
        answer = passes("from cai_helpers import call_llm\ncall_llm('', 'hi')\n" + "return reply.strip()[:1] in 'Nn'")
        verdict, text = judged(first, answer)
        assert verdict == "correct", text
    finally:
        client._current = before


def test_checks_keep_the_switches_of_the_connected_course_model(first: Exercise) -> None:
    before = client._current
    try:
        connect("course", seed=7)
        names: dict[str, Any] = {}
        with sandbox.Sandbox(names) as box:
            code = "from cai_helpers import current_client as _c\n_m = _c().session.get_adapter('https://api.anthropic.com')"
            assert box.run(f"{code}\n[_m.model.switches.seed, _m.model.requests_seen]", 5).value == "[7, 0]"
    finally:
        client._current = before


def test_an_unknown_exercise_is_one_sentence(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAI_EXERCISES", str(exercises.data_folder(course)))
    said = check("90.12")
    assert isinstance(said, Feedback) and said.verdict == "error"
    assert repr(said) == "There is no exercise '90.12'. Did you mean 90.1 or 90.2?"


def test_plain_values_only() -> None:
    class Text(str):
        pass

    assert sandbox.is_plain((True, 1, "a", None, [{"k": (1,)}]))
    for value in (Text("a"), [Text("a")], {1.5: 1}, {1}, object()):
        assert not sandbox.is_plain(value)


def test_in_a_kernel(course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: history, display, progress, time."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    for name, value in {"EXERCISES": exercises.data_folder(course), "PROGRESS": tmp_path / "p.json"}.items():
        monkeypatch.setenv(f"CAI_{name}", str(value))
    timed = "import time\n_t = time.perf_counter()\n_f = check('90.2')\n[_f.verdict, time.perf_counter() - _t < 0.3]"
    steps = {
        SETUP: "course-model-1",
        "check('90.1')": "Not started. ",
        passes("..."): "",
        "check('90.1') ": "Not started. ",
        passes("return 'NOT VIOLATED' in reply"): "",
        "check('90.1')  ": "Not yet: A reply that only mentions",
        PASSES_ANSWER: "",
        "len = 3\ncheck('90.1')": "Correct. ",
        f"{VERDICTS_GIVEN}\n{VERDICTS_ANSWER}\n_ = None": "",
        timed: "['correct', True]",
        "progress()": "Progress: 2 of 2 exercises correct, 30 of 30 xp.",
        "hint('90.1')": "Hint 1 of 3: ",
        "solution('90.1')": "One solution of 90.1:",
    }
    cells = [nbformat.v4.new_code_cell(source) for source in steps]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    shown = [cell.outputs[0].data["text/plain"] if cell.outputs else "" for cell in notebook.cells]
    for (source, expected), found in zip(steps.items(), shown, strict=True):
        assert found.startswith(expected), source
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[5].outputs[0].data
