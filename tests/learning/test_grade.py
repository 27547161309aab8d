"""Grading whole files: every class of submission gets the verdict that a fair teacher would give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cai_helpers.learning import grade as grading
from cai_helpers.learning import runs
from cai_helpers.learning.exercises import Sheet, find_sheet
from cai_helpers.learning.grade import Result, grade
from cai_helpers.learning.runs import Limits, safe_environment
from tests.learning import learner_files
from tests.learning.sample_course import write_sample

Verdicts = dict[str, dict[str, Result]]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    write_sample(root)
    return root


@pytest.fixture(scope="module")
def sheet(course: Path) -> Sheet:
    return find_sheet("90", course)


@pytest.fixture(scope="module")
def batch(sheet: Sheet, course: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classroom's folder: all files of all kinds, in folders by kind."""
    folder = tmp_path_factory.mktemp("handed-in")
    kinds = {"hostile": learner_files.hostile_cases, "wrong": learner_files.wrong_cases}
    for kind, cases in {**kinds, "right": learner_files.right_cases}.items():
        (folder / kind).mkdir()
        for name, notebook, *_ in cases(sheet):
            (folder / kind / name).write_text(json.dumps(notebook), "utf-8")
    (folder / "broken").mkdir()
    for name, (content, _) in learner_files.broken_files(sheet).items():
        (folder / "broken" / name).write_bytes(content)
    good = json.dumps(learner_files.exercise_notebook(sheet, learner_files.RIGHT))
    (folder / "right" / "bom.ipynb").write_bytes(b"\xef\xbb\xbf" + good.replace("\n", "\r\n").encode())
    (folder / "right" / "crlf.ipynb").write_text(good.replace("\\n", "\\r\\n"), "utf-8")
    return folder


@pytest.fixture(scope="module")
def results(batch: Path, course: Path) -> list[Result]:
    """The whole folder and a path that is not there, graded at once."""
    return grade([batch, batch / "gone.ipynb"], jobs=2, root=course, limits=Limits(cell=2, file=30))


@pytest.fixture(scope="module")
def found(results: list[Result]) -> Verdicts:
    """File name -> exercise -> result."""
    table: Verdicts = {}
    for result in results:
        table.setdefault(Path(result.file).name, {})[result.exercise] = result
    return table


def wrong(cases: list[learner_files.Case], found: Verdicts) -> list[str]:
    """The cases whose verdicts are not as expected."""
    return [
        f"{name} {number}: expected {expected}, got {found[name][number]}"
        for name, _, first, second in cases
        for number, expected in (("90.1", first), ("90.2", second))
        if expected and found[name][number].verdict != expected
    ]


def test_right_answers_pass_in_every_form(sheet: Sheet, found: Verdicts) -> None:
    assert not wrong(learner_files.right_cases(sheet), found)
    for name in ("bom.ipynb", "crlf.ipynb"):
        assert {result.verdict for result in found[name].values()} == {"correct"}


def test_wrong_answers_and_cheats_do_not_pass(sheet: Sheet, found: Verdicts) -> None:
    assert not wrong(learner_files.wrong_cases(sheet), found)
    said = {name: results["90.1"].message for name, results in found.items() if "90.1" in results}
    assert "only mentions the words" in said["too-loose.ipynb"]
    assert "Python cannot read your answer, line 2" in said["syntax-error.ipynb"]
    assert "sorted" in found["order-lost.ipynb"]["90.2"].message
    assert "nobody types" in found["asks.ipynb"]["90.1"].look_at[0]
    assert any("was changed" in line for line in found["edited-setup.ipynb"]["90.1"].look_at)
    assert found["too-loose.ipynb"]["90.1"].cell == {"number": 4, "source": learner_files.WRONG_1}
    everything = " ".join(str(result) for results in found.values() for result in results.values())
    assert "Traceback" not in everything and "nbval" not in everything.replace("nbval-", "")


def test_hostile_code_costs_its_own_exercise_only(sheet: Sheet, found: Verdicts) -> None:
    assert not wrong(learner_files.hostile_cases(sheet), found)
    assert "cell 4 did not end in time" in found["endless.ipynb"]["90.1"].message
    assert "kernel stopped in cell 4" in found["kernel-gone.ipynb"]["90.1"].message
    memory = found["memory.ipynb"]["90.1"]
    assert "2 GB" in memory.look_at[0]
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout
    assert "sleep 987" not in running, "what the answer started still runs"


def test_broken_files_get_one_sentence_and_do_not_stop_the_batch(sheet: Sheet, results: list[Result]) -> None:
    broken = learner_files.broken_files(sheet)
    whole = {Path(result.file).name: result for result in results if not result.exercise}
    assert set(whole) == {*broken, "gone.ipynb"}
    for name, (_, part) in broken.items():
        assert whole[name].verdict == "error" and part in whole[name].message, name
        assert whole[name].message.endswith(".") and "\n" not in whole[name].message
    assert grading.exit_status(results) == 2


def test_nothing_to_run_takes_no_kernel(sheet: Sheet, course: Path, tmp_path: Path) -> None:
    path = tmp_path / "90_sample.ipynb"
    path.write_text(json.dumps(learner_files.exercise_notebook(sheet)), "utf-8")
    started = time.perf_counter()
    results = grade([path], root=course)
    assert [result.verdict for result in results] == ["not started"] * 2
    assert grading.exit_status(results) == 1
    assert time.perf_counter() - started < 0.5


def test_a_grader_that_cannot_run_does_not_blame_the_learner(
    sheet: Sheet, course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "90_sample.ipynb"
    path.write_text(json.dumps(learner_files.exercise_notebook(sheet, learner_files.RIGHT)), "utf-8")
    calls = []
    monkeypatch.setattr(grading, "run_jobs", lambda jobs, count, limits: calls.append(jobs) or [[] for _ in jobs])
    results = grade([path], root=course)
    assert [result.verdict for result in results] == ["error", "error"] and len(calls) == 2
    assert "doctor" in results[0].message


def test_kernels_start_without_the_fork_server(
    sheet: Sheet, course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "90_sample.ipynb"
    path.write_text(json.dumps(learner_files.exercise_notebook(sheet, learner_files.RIGHT)), "utf-8")
    worker = tmp_path / "grade_worker.py"
    worker.write_bytes(runs.WORKER.read_bytes())
    source = runs.WORKER.with_name("kernel_server.py").read_text("utf-8")
    (tmp_path / "kernel_server.py").write_text(source + "\ndef available(): return False\n", "utf-8")
    monkeypatch.setattr(runs, "WORKER", worker)
    assert {result.verdict for result in grade([path], root=course)} == {"correct"}


def test_folders_are_searched_and_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b/04.ipynb", "a/04.ipynb", ".ipynb_checkpoints/04.ipynb", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("", "utf-8")
    found = [path.relative_to(tmp_path).as_posix() for path, _ in grading.find_files([tmp_path, tmp_path / "a"])]
    assert found == ["a/04.ipynb", "b/04.ipynb"]
    (tmp_path / "none").mkdir()
    [result] = grade([tmp_path / "none"])
    assert (result.verdict, result.message) == ("error", "There is no notebook in this folder.")


def test_learners_code_meets_no_key_and_no_setting(tmp_path: Path) -> None:
    given = {
        "ANTHROPIC_API_KEY": "x",
        "GITHUB_TOKEN": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "DB_PASSWORD": "x",
        "CAI_BACKEND": "anthropic",
        "CAI_BASE_URL": "x",
        "PATH": "/bin",
    }
    found = safe_environment(given, tmp_path)
    assert "x" not in found.values()
    assert found["CAI_BACKEND"] == "course" and found["PATH"] == "/bin"


def test_the_command_reports_and_says_by_its_status(sheet: Sheet, course: Path, tmp_path: Path) -> None:
    path = tmp_path / "90_sample.ipynb"
    answers = {**learner_files.RIGHT, "90.1": learner_files.WRONG_1}
    path.write_text(json.dumps(learner_files.exercise_notebook(sheet, answers)), "utf-8")
    environment = {**os.environ, "CAI_EXERCISES": str(course / "cai_helpers" / "learning" / "data")}
    command = [sys.executable, "-m", "cai_helpers", "grade", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1, done.stderr
    rows = json.loads(done.stdout)
    assert [(row["exercise"], row["verdict"]) for row in rows] == [("90.1", "not yet"), ("90.2", "correct")]
    assert all({"file", "exercise", "verdict", "message"} <= set(row) for row in rows)
