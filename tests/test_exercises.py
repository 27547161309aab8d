"""Proof that the checks check: each answer in tests/answers/ gets its verdict from both graders; so do starters."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.learning import instant
from cai_helpers.learning.build import build_exercises
from cai_helpers.learning.exercises import Exercise, Sheet
from cai_helpers.learning.grade import Result, grade
from cai_helpers.learning.manifest import load_course
from cai_helpers.learning.runs import Limits
from tests import mutants
from tests.exercise_cases import ROOT, Case, cases_of, judged, read_cases, sheets

SHEETS = sheets()
ALL = [(sheet, exercise) for sheet in SHEETS for exercise in sheet.exercises]
CASES = [(sheet, case) for sheet in SHEETS for case in cases_of(sheet)]
SECONDS = 2  # for one check: answers that never end are among the cases
by_exercise = pytest.mark.parametrize(("sheet", "exercise"), ALL, ids=[exercise.id for _, exercise in ALL])


# --- What must be there ---


def test_every_chapter_has_its_exercises() -> None:
    count = {sheet.name: len(sheet.exercises) for sheet in SHEETS}
    wanted = [chapter["name"] for chapter in load_course(ROOT)["chapters"] if "01" <= chapter["name"][:2] <= "09"]
    assert not [name for name in wanted if count.get(name, 0) < 3], "chapters with fewer than three exercises"


def test_exercises_and_their_data_are_built_from_the_solutions() -> None:
    assert build_exercises(check=True, run=False, root=ROOT) == []


@by_exercise
def test_every_exercise_has_right_and_wrong_answers(sheet: Sheet, exercise: Exercise) -> None:
    own = [case for case in cases_of(sheet) if case.exercise == exercise.id]
    assert sum(case.right for case in own) >= 2 and sum(not case.right for case in own) >= 3
    assert len({case.source for case in own}) == len(own), "two cases with one answer"
    named = {mistake.name for mistake in exercise.mistakes}
    shown = {case.mistake for case in own if case.mistake}
    assert shown <= named, "a case names a mistake that the exercise does not know"
    assert named <= shown, "a named mistake that no case shows"


def test_every_file_of_answers_belongs_to_exercises() -> None:
    known = {exercise.id for _, exercise in ALL}
    for path in sorted((ROOT / "tests" / "answers").glob("*.py")):
        assert path.stem in {sheet.name for sheet in SHEETS}, path.name
        assert not {case.exercise for case in read_cases(path.read_text("utf-8"), path.name)} - known


def test_a_head_that_is_nearly_right_is_refused() -> None:
    for line in ("# %% 04.2 right plain", "# %% 04.2 wrong: no name", "# %% 4.2 right: x", "# %% 04.2 right a: x"):
        with pytest.raises(ValueError, match="write '# %% 04.2"):
            read_cases(line + "\nx = 1\n", "04.py")


# --- The instant check ---


@pytest.mark.parametrize(("sheet", "case"), CASES, ids=[f"{c.exercise} {c.title}" for _, c in CASES])
def test_instant_verdict(sheet: Sheet, case: Case) -> None:
    verdict, message = of_instant(case)
    assert verdict == case.verdict, message
    if not case.right:
        assert shown_mistake(sheet.exercise(case.exercise), message) == case.mistake, message


@by_exercise
def test_the_solution_is_correct_and_the_starter_not_started(sheet: Sheet, exercise: Exercise) -> None:
    assert judged(sheet, exercise, exercise.answer.source) == ("correct", f"Correct. {exercise.explanation}")
    assert judged(sheet, exercise, f"# ANSWER {exercise.id}\n{exercise.solution}")[0] == "correct"
    assert judged(sheet, exercise, exercise.starter)[0] == "not started"


@functools.cache
def of_instant(case: Case) -> tuple[str, str]:
    [sheet] = [sheet for sheet in SHEETS if sheet.number == case.exercise[:2]]
    before, instant.SECONDS = instant.SECONDS, SECONDS
    try:
        return judged(sheet, sheet.exercise(case.exercise), case.source)
    finally:
        instant.SECONDS = before


def shown_mistake(exercise: Exercise, message: str) -> str:
    """The name of the mistake whose sentence the message is; "" where it is another."""
    said = message.removeprefix("Not yet: ")
    return next((mistake.name for mistake in exercise.mistakes if mistake.say == said), "")


# --- The grader ---


@pytest.fixture(scope="module")
def grades(tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Result]:
    """Each case's result: one notebook holds a case of each exercise of its chapter, all are graded in one batch."""
    folder = tmp_path_factory.mktemp("handed-in")
    inside: dict[str, dict[str, Case]] = {}
    for sheet in SHEETS:
        own = [[c for c in cases_of(sheet) if c.exercise == exercise.id] for exercise in sheet.exercises]
        for place, row in enumerate(zip_longest(*own)):
            name = f"{sheet.name}-{place}.ipynb"
            inside[name] = {case.exercise: case for case in row if case is not None}
            answers = {number: case.source for number, case in inside[name].items()}
            (folder / name).write_text(json.dumps(handed_in(sheet, answers)), "utf-8")
    found = {}
    for result in grade([folder], jobs=2, root=ROOT, limits=Limits(cell=SECONDS, file=60)):
        case = inside[Path(result.file).name].get(result.exercise)
        if case is not None:
            found[case] = result
    return found


def handed_in(sheet: Sheet, answers: dict[str, str]) -> dict[str, Any]:
    """The chapter's notebook out of exercises/ with these answers written in."""
    notebook: dict[str, Any] = json.loads((ROOT / "exercises" / f"{sheet.name}.ipynb").read_text("utf-8"))
    for cell in notebook["cells"]:
        facts = cell["metadata"].get("cai", {})
        number = facts.get("key", "").removesuffix(".answer")
        if facts.get("role") == "answer" and number in answers:
            cell["source"] = answers[number]
    return notebook


@by_exercise
def test_both_graders_say_the_same(sheet: Sheet, exercise: Exercise, grades: dict[Case, Result]) -> None:
    own = [case for case in cases_of(sheet) if case.exercise == exercise.id]
    graded = {case.title: (grades[case].verdict, grades[case].message) for case in own}
    assert {title: verdict for title, (verdict, _) in graded.items()} == {case.title: case.verdict for case in own}
    assert graded == {case.title: of_instant(case) for case in own}


def test_unanswered_exercises_are_not_started() -> None:
    results = grade([ROOT / "exercises"], root=ROOT)
    assert Counter(result.verdict for result in results) == {"not started": len(ALL)}
    assert [result.exercise for result in results] == [exercise.id for _, exercise in ALL]


# --- Plain nbval ---


@by_exercise
def test_a_visible_check_fails_on_the_starter(sheet: Sheet, exercise: Exercise) -> None:
    """So `pytest --nbval exercises/` fails on every unanswered exercise: its outputs are the solution's."""
    from cai_helpers.learning.sandbox import Sandbox
    from tests.exercise_cases import namespace, quiet

    names = namespace(sheet, exercise)
    with quiet():
        exec(exercise.starter, names)
    visible = [check for check in exercise.checks if check.role == "check"]
    with Sandbox(names) as box:
        assert not all(instant.outcome(check, box.run(check.source, SECONDS)).passed for check in visible)
    shipped = json.loads((ROOT / "exercises" / f"{sheet.name}.ipynb").read_text("utf-8"))
    cells = {cell["metadata"].get("cai", {}).get("key"): cell for cell in shipped["cells"]}
    for check in visible:  # as nbval wants it: a recording, a count, and nothing that switches the comparison off
        cell = cells[check.key]
        assert cell["outputs"] and cell["execution_count"] and cell["metadata"].keys() == {"cai"}
        assert "NBVAL" not in cell["source"]


def test_nbval_fails_on_every_unanswered_exercise_of_a_chapter() -> None:
    sheet = min(SHEETS, key=lambda found: len(found.cells))
    command = [sys.executable, "-m", "pytest", f"exercises/{sheet.name}.ipynb", "-q", "-rA", "--tb=no"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider"], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    cells = json.loads((ROOT / "exercises" / f"{sheet.name}.ipynb").read_text("utf-8"))["cells"]
    keys = [cell["metadata"]["cai"]["key"] for cell in cells if cell["cell_type"] == "code"]
    failed = {keys[int(number)] for number in re.findall(r"^FAILED .*::Cell (\d+)", done.stdout, re.MULTILINE)}
    assert {key.rpartition(".")[0] for key in failed} == {exercise.id for exercise in sheet.exercises}
    assert all(".check" in key for key in failed), f"cells that must not fail: {failed}"


# --- Wrong variants ---


@pytest.fixture(scope="module")
def caught() -> dict[str, dict[str, Any]]:
    """What tests/mutants.py says about each exercise; a process of its own, because variants do what they like."""
    command = [sys.executable, str(Path(mutants.__file__)), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {row["exercise"]: row for row in json.loads(done.stdout)}


@by_exercise
def test_wrong_variants_are_caught(sheet: Sheet, exercise: Exercise, caught: dict[str, dict[str, Any]]) -> None:
    row = caught[exercise.id]
    assert row["run"] >= 5, "too few variants to say anything"
    assert row["share"] >= 0.95, [survivor["name"] for survivor in row["survivors"]]


def test_the_kept_table_is_what_the_code_gives(caught: dict[str, dict[str, Any]]) -> None:
    names = ("exercise", "made", "run", "caught", "equivalent")
    results = [mutants.Result(**{name: row[name] for name in names}) for row in caught.values()]
    assert mutants.TABLE.read_text("utf-8") == mutants.table(results), "run python tests/mutants.py --write"


def test_equivalent_variants_exist_and_have_a_reason() -> None:
    known = {exercise.id: {v.name for v in mutants.variants(exercise)} for _, exercise in ALL}
    for number, listed in json.loads(mutants.EQUIVALENT.read_text("utf-8")).items():
        assert set(listed) <= known.get(number, set()), f"{number}: no such variant any more"
        assert all(len(reason.split()) >= 4 for reason in listed.values()), f"{number}: give a reason"
