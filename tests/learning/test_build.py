"""build-exercises: what it writes, what it refuses, and that the repository's exercises are as built."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.__main__ import main
from cai_helpers.learning import exercises, rules
from cai_helpers.learning.build import build_exercises, built_files, manifest_line, manifest_problems
from cai_helpers.learning.exercises import ExerciseError
from cai_helpers.learning.lessons import LessonError, clean_environment
from cai_helpers.learning.reader import read_solutions
from cai_helpers.learning.verify import verify
from tests.conftest import ROOT
from tests.learning.sample_course import NAME, write_sample

SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course")
    write_sample(root)
    build_exercises(root=root)
    return root


@pytest.fixture
def course(tmp_path: Path) -> Path:
    write_sample(tmp_path)
    return tmp_path


def change(root: Path, action: Callable[[dict[str, Any]], object], cell_id: str) -> None:
    path = root / "solutions" / f"{NAME}.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    action(next(cell for cell in notebook["cells"] if cell["id"] == cell_id))
    path.write_text(json.dumps(notebook), "utf-8")


def notebook_of(root: Path) -> dict[str, dict[str, Any]]:
    data = json.loads((root / "exercises" / f"{NAME}.ipynb").read_text("utf-8"))
    return {cell["id"]: cell for cell in data["cells"]}


def test_learners_get_starters_visible_checks_and_no_more(built: Path) -> None:
    cells = notebook_of(built)
    kinds = ["answer", "check1", "check2", "ask"]
    first, second = ([f"90-{n}-{kind}" for kind in kinds] for n in (1, 2))
    assert list(cells) == [
        "title", "90-setup", "90-1-task", *first, "90-2-task", "90-2-given", *second, "90-progress",
    ]  # fmt: skip
    text = (built / "exercises" / f"{NAME}.ipynb").read_text("utf-8")
    sheet = exercises.find_sheet("90", built)
    for found in sheet.exercises:
        assert "".join(cells[found.answer.key.replace(".", "-")]["source"]) == found.starter
        hidden = [cell.source.split("\n")[0] for cell in found.checks if cell.role == "hidden"]
        secrets = [*found.hints, found.explanation, *hidden, *(mistake.say for mistake in found.mistakes)]
        assert not [secret for secret in secrets if json.dumps(secret)[1:-1] in text and "replaced" not in secret]
    assert "### " not in text.replace('"## ', "")
    assert "Difficulty ●●○○○ (2 of 5) · 10 minutes · 20 xp\n" in cells["90-2-task"]["source"]
    assert "".join(cells["90-2-ask"]["source"]).endswith('check("90.2")')


def test_checks_carry_the_recording_and_answers_none(built: Path) -> None:
    cells = notebook_of(built)
    assert cells["90-2-check1"]["outputs"][0]["data"]["text/plain"] == ["['a']"]
    counts = {name: cell.get("execution_count") for name, cell in cells.items() if cell["cell_type"] == "code"}
    never_run = {name for name, count in counts.items() if count is None}
    assert never_run == {"90-1-answer", "90-1-ask", "90-2-given", "90-2-answer", "90-2-ask", "90-progress"}
    keys = {cell["metadata"]["cai"]["key"] for cell in cells.values() if cell["cell_type"] == "code"}
    assert len(keys) == len(counts)


def test_building_again_changes_nothing(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build_exercises(root=built, check=True) == []
    assert capsys.readouterr().out.count(": as built") == 3


def test_check_says_what_is_stale(built: Path) -> None:
    path = built / "exercises" / f"{NAME}.ipynb"
    before = path.read_text("utf-8")
    try:
        path.write_text(before.replace("your code", "my code"), "utf-8")
        [said] = build_exercises(root=built, check=True, run=False)
        assert said.startswith(f"exercises/{NAME}.ipynb: line ") and "my code" in path.read_text("utf-8")
    finally:
        path.write_text(before, "utf-8")


def test_nbval_passes_on_solutions_and_fails_on_checks_of_unanswered_exercises(built: Path) -> None:
    environment = {**clean_environment(os.environ), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "nbval.plugin", "--nbval", "--nbval-current-env", "-q"]
    command += ["-c", os.devnull, "--rootdir", str(built), "--tb=no", "-rf", "solutions", "exercises"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=built)
    failed = [line.split(" ")[1:4] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert done.returncode == 1 and {file.split("/")[0] for file, *_ in failed} == {"exercises"}, done.stdout
    code = [name for name, cell in notebook_of(built).items() if cell["cell_type"] == "code"]
    assert {code[int(place)] for _, place, *_ in failed} == {
        f"90-{number}-check{place}" for number in (1, 2) for place in (1, 2)
    }
    assert not list((built / "exercises").glob("*.json"))  # looking is not an attempt


@pytest.mark.parametrize(
    ("cell_id", "source", "says"),
    [
        ("90-1-check1", "print(passes('x'))\npasses('x')", "must not call print()"),
        ("90-1-check1", "passes('x')\nTrue", "ends with a constant"),
        ("90-1-check1", "_x = passes('x')", "must end with an expression"),
        ("90-1-check1", "x = passes('x')\nx", "binds 'x'"),
        ("90-1-check1", "passes('x') or undefined", "uses 'undefined'"),
        ("90-1-check1", "passes('x') or failing", "uses 'failing'"),
        ("90-1-check1", "import time as _time\n_time.time() > 0", "must not read a clock"),
        ("90-1-check2", 'passes("NOT VIOLATED") is True', "repeats an earlier check"),
    ],
)
def test_checks_that_do_not_check_are_refused(course: Path, cell_id: str, source: str, says: str) -> None:
    change(course, lambda cell: cell.update(source=source), cell_id)
    with pytest.raises(ExerciseError) as refused:
        build_exercises(root=course)
    assert says in str(refused.value)
    assert all(line.startswith(f"{NAME}.ipynb: 90.1") for line in str(refused.value).splitlines())
    assert not (course / "exercises").exists()


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("True", True),
        ("['a', {'b': (1, None)}]", True),
        ("{1, 2}", False),
        ("0.5", False),
        ("<object>", False),
        ("'é'", False),
        ("'a'\n'b'", False),
        ("9" * 201, False),
        ("[ 1]", False),
    ],
)
def test_recorded_values_are_short_and_plain(value: str, good: bool) -> None:
    output = {"output_type": "execute_result", "data": {"text/plain": value}, "execution_count": 1}
    assert (rules.value_problems(exercises.Cell("k", "check", "x", (output,))) == []) is good


def test_a_check_records_one_value_that_was_counted() -> None:
    result = {"output_type": "execute_result", "data": {"text/plain": "1"}, "execution_count": None}
    stream = {"output_type": "stream", "name": "stdout", "text": "x"}
    for outputs in ((), (stream,), (stream, result), (result,)):
        assert rules.value_problems(exercises.Cell("k", "check", "x", outputs))


def test_what_only_a_run_shows_is_refused(built: Path, tmp_path: Path) -> None:
    sheet = exercises.find_sheet("90", built)
    first, second = sheet.exercises
    unsteady = replace(first.checks[0], source="import os as _os\n_os.getpid()")
    shown = replace(first.mistakes[0], test="not passes('VIOLATED')")
    weak = [replace(cell, source="callable(failing)", outputs=first.checks[0].outputs) for cell in second.checks[:2]]
    first = replace(first, checks=(unsteady, *first.checks[1:]), mistakes=(shown,))
    second = replace(second, checks=(*weak, *second.checks[2:]))
    spoiled = replace(sheet, exercises=(first, second))
    file = tmp_path / "sheet.json"
    file.write_text(exercises.to_json(spoiled), "utf-8")
    one, two, three = verify(spoiled, built / "solutions" / f"{NAME}.ipynb", file)
    assert one.startswith("90.1.check1 does not hold on its own recording: expected True, got ")
    assert two == "90.1, mistake 'any-mention': its test must give False on the solution, it gave True."
    assert three.startswith("90.2: the starter passes all visible checks")


def test_starters_and_solutions_must_run(course: Path) -> None:
    change(course, lambda cell: cell.update(source=cell["source"] + ["\n1 / 0"]), "90-1-answer")
    with pytest.raises(LessonError, match=r"90-1-answer.*ZeroDivisionError"):
        build_exercises(root=course)


def test_course_toml_must_say_the_same(small_course: Path) -> None:
    sheet = read_solutions(write_sample(small_course))
    assert manifest_problems(sheet, small_course) == ["course.toml has no chapter '90_sample'."]
    here = type(sheet)("01_client", sheet.intro, sheet.setup, sheet.exercises)
    [said] = manifest_problems(here, small_course)
    assert manifest_line(sheet.exercises[0]) in said
    assert manifest_problems(type(sheet)("01_client", "", sheet.setup, ()), small_course) == []


def test_files_without_a_source_and_unknown_names_are_refused(course: Path) -> None:
    with pytest.raises(ExerciseError, match=r"There is no solutions/91\.ipynb; there are: 90_sample"):
        build_exercises(["91"], root=course)
    (course / "exercises").mkdir()
    (course / "exercises" / "91_old.ipynb").write_text("{}", "utf-8")
    with pytest.raises(ExerciseError, match=r"exercises/91_old\.ipynb has no solutions/91_old\.ipynb"):
        build_exercises(root=course)


def test_command(course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("cai_helpers.learning.build.find_root", lambda: course)
    assert main(["build-exercises", "--check", "--no-run"]) == 1
    assert f"exercises/{NAME}.ipynb: is missing" in capsys.readouterr().err
    assert main(["build-exercises", "--no-run"]) == 0
    assert main(["build-exercises", "--check", "--no-run"]) == 0
    assert main(["build-exercises", "77"]) == 1
    assert capsys.readouterr().err.startswith("There is no solutions/77.ipynb")


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_repositorys_exercises_are_as_built(path: Path) -> None:
    for file, text in built_files(path, ROOT, run=False).items():
        assert file.read_text("utf-8") == text, f"{file.name} is stale: run python -m cai_helpers build-exercises"


def test_nothing_is_left_over_from_exercises_that_are_gone() -> None:
    names = {path.stem for path in SOLUTIONS}
    made = [*(ROOT / "exercises").glob("*.ipynb"), *exercises.DATA.glob("*.json")]
    assert {path.stem for path in made} <= names
