"""The source format: what is read, what is refused, and the JSON twin."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.learning import exercises, sources
from cai_helpers.learning.exercises import ExerciseError
from cai_helpers.learning.reader import read_sheet, read_solutions
from tests.learning.sample_course import NAME, sample_notebook, write_sample

Change = Callable[[list[dict[str, Any]]], object]


def cells_of(notebook: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cell["id"]: cell for cell in notebook["cells"]}


def test_reads_every_fact_and_the_twin_gives_them_back(tmp_path: Path) -> None:
    sheet = read_solutions(write_sample(tmp_path))
    assert (sheet.name, sheet.number, [found.id for found in sheet.exercises]) == (NAME, "90", ["90.1", "90.2"])
    first, second = sheet.exercises
    assert (first.title, first.difficulty, first.minutes, first.xp) == ("Read a verdict", 1, 5, 10)
    assert [cell.role for cell in first.checks] == ["check", "check", "hidden", "hidden"]
    assert second.checks[2].recorded == "['c', 'a']"
    assert first.names == {"passes"}
    assert exercises.from_json(exercises.to_json(sheet)) == sheet
    assert exercises.find_sheet("90", tmp_path) == sheet
    assert exercises.find_exercise("90.2", tmp_path) == second
    assert [cell.key for cell in sheet.cells][:2] == ["90.setup", "90.1.answer"]


def test_starter_and_solution_are_the_two_sides_of_one_cell(tmp_path: Path) -> None:
    first, second = read_solutions(write_sample(tmp_path)).exercises
    assert first.starter.splitlines()[-1] == "    ...  # your code"
    assert "startswith" not in first.starter and "startswith" in first.solution
    assert "###" not in first.solution and "your code" not in first.solution and "ANSWER" not in first.solution
    assert second.starter == "# ANSWER 90.2\ndef failing(names):\n    result = []\n    return result"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1", "needs"),
        ("### SOLUTION\nx = 1", "needs"),
        ("### SOLUTION\n### SOLUTION\n### END SOLUTION", "do not nest"),
        ("### END SOLUTION\n### SOLUTION", "come first"),
        ("def f():\n    ### SOLUTION\n    return 1\n    ### END SOLUTION", "not Python (line 1)"),
    ],
)
def test_badly_marked_answers_are_refused(source: str, says: str) -> None:
    with pytest.raises(sources.SourceError, match=says.replace("(", r"\(").replace(")", r"\)")):
        sources.starter(source)


def test_untouched_looks_at_code_only() -> None:
    starter = '# ANSWER 01.1\ndef f(x):\n    """Say."""\n    ...  # your code'
    for same in ("def f( x ):\n        ...", starter.replace("\n", "\r\n"), "%%time\n" + starter, "", "# nothing"):
        assert sources.untouched(same, starter), same
    for other in ("def f(x):\n    return x", "def f(y):\n    ...", "def f(x:\n  ...", "x = 1"):
        assert not sources.untouched(other, starter), other


def test_names_of_a_cell() -> None:
    code = "import a.b, c as d\nx, (y, *z) = t\nfor i in [j for j in k]: pass\nclass C:\n    q = 1\nwith m as n: pass"
    assert sources.defined_names(code) == {"a", "d", "x", "y", "z", "i", "C", "n"}
    assert sources.defined_names("def (") == set()


def drop(name: str) -> Change:
    return lambda cells: cells.remove(next(cell for cell in cells if cell["id"] == name))


def fact(name: str, **facts: Any) -> Change:
    return lambda cells: next(c for c in cells if c["id"] == name)["metadata"]["cai"].update(facts)


def text(name: str, source: str) -> Change:
    return lambda cells: next(c for c in cells if c["id"] == name).update(source=source)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop("title"), "the first cell must be Markdown"),
        (drop("90-setup"), "key '90.setup'"),
        (drop("90-1-task"), "stands before the first task"),
        (drop("90-1-check1"), "two or more checks"),
        (drop("90-1-hidden2"), "two or more hidden"),
        (drop("90-1-answer"), "one answer cell"),
        (fact("90-1-task", hints=["one"]), "three texts"),
        (fact("90-1-task", xp=0), "'xp', a whole number from 1"),
        (fact("90-1-task", difficulty=True), "'difficulty'"),
        (fact("90-1-task", explanation=" "), "'explanation'"),
        (fact("90-1-task", exercise="90.2"), "numbered from 1"),
        (fact("90-1-task", title="Other"), "## 90.1 Other"),
        (fact("90-1-task", mistakes=[{"name": "Not Kebab", "test": "x", "say": "y"}]), "kebab-case"),
        (fact("90-1-task", mistakes=[{"name": "a", "test": "x"}]), "'test' and 'say'"),
        (fact("90-1-check1", **{"pass": ""}), "needs 'pass'"),
        (fact("90-1-check2", key="90.1.check1"), "key of an earlier cell"),
        (fact("90-1-check2", key="nonsense"), "metadata.cai with a key"),
        (fact("90-1-check2", role="hidden"), "does not fit its key"),
        (text("90-1-answer", "x = 1"), "first line is '# ANSWER 90.1'"),
        (text("90-1-answer", "# ANSWER 90.1\nx = 1"), "needs '### SOLUTION'"),
    ],
)
def test_what_does_not_follow_the_format_gets_one_sentence(change: Change, says: str) -> None:
    notebook = json.loads(json.dumps(sample_notebook()))
    change(notebook["cells"])
    with pytest.raises(ExerciseError) as refused:
        read_sheet(notebook, NAME)
    assert says in str(refused.value) and "\n" not in str(refused.value)


def test_a_cell_id_is_its_key() -> None:
    notebook = copy.deepcopy(json.loads(json.dumps(sample_notebook())))
    cells_of(notebook)["90-2-check1"]["id"] = "something"
    with pytest.raises(ExerciseError, match="must have the cell id '90-2-check1'"):
        read_sheet(notebook, NAME)


@pytest.mark.parametrize("asked", ["90.7", "90", "91.1", "x", ""])
def test_unknown_ids_name_near_ones(tmp_path: Path, asked: str) -> None:
    write_sample(tmp_path)
    with pytest.raises(ExerciseError, match=r"There is no exercise .* Did you mean 90\.1 or 90\.2"):
        exercises.find_exercise(asked, tmp_path)
    with pytest.raises(ExerciseError, match="there are: 90_sample"):
        exercises.find_sheet("91", tmp_path)
