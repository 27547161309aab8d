"""Which cell of a learner's file is which, and in what order they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from cai_helpers.learning.assemble import Job, build, defused
from cai_helpers.learning.exercises import Sheet, find_sheet
from cai_helpers.learning.guard import mime
from cai_helpers.learning.honest import Originals, Stranger, honest, wrapped
from cai_helpers.learning.identify import identify
from cai_helpers.learning.loading import LearnerCell, Unreadable, cells_of, parse
from cai_helpers.learning.splice import Submission, chapter_of, sort_cells
from tests.learning import learner_files
from tests.learning.sample_course import write_sample


@pytest.fixture(scope="module")
def sheet(tmp_path_factory: pytest.TempPathFactory) -> Sheet:
    root = tmp_path_factory.mktemp("course")
    write_sample(root)
    return find_sheet("90", root)


def submission(sheet: Sheet, notebook: learner_files.Notebook) -> Submission:
    return sort_cells("x.ipynb", cells_of(notebook), sheet)


def cell(
    source: str = "1", key: str = "", tags: tuple[str, ...] = (), cell_id: str = "", kind: str = "code"
) -> LearnerCell:
    metadata = {"cai": {"key": key}} if key else {}
    return LearnerCell(1, kind, source, cell_id, {**metadata, "tags": list(tags)})


def test_order_of_identification(sheet: Sheet) -> None:
    assert identify(cell(key="90.1.answer", tags=("cai:90.2.answer",), cell_id="90-1-check1"), sheet) == ["90.1.answer"]
    assert identify(cell(tags=("x", "cai:90.2.answer"), cell_id="90-1-check1"), sheet) == ["90.2.answer"]
    assert identify(cell(cell_id="90-1-answer"), sheet) == ["90.1.answer"]
    assert identify(cell("#answer 90.2\n2"), sheet) == ["90.2.answer"]
    assert identify(cell(f"  {sheet.setup.source}\n"), sheet) == ["90.setup"]
    assert identify(cell("print(1)"), sheet) == []
    assert identify(cell(key="91.1.answer"), sheet) == [], "a key of another chapter says nothing here"
    assert identify(cell(sheet.setup.source, kind="markdown"), sheet) == []
    assert identify(cell("# ANSWER 90.1\n2", kind="raw"), sheet) == ["90.1.answer"]


def test_two_answers_in_one_cell_stand_for_both(sheet: Sheet) -> None:
    both = "# ANSWER 90.1\na = 1\n# ANSWER 90.2\nb = 1"
    assert identify(cell(both, key="90.1.answer"), sheet) == ["90.1.answer", "90.2.answer"]
    assert identify(cell("# ANSWER 90.1\n1", key="90.2.answer"), sheet) == ["90.2.answer"]
    assert identify(cell(both), sheet) == ["90.1.answer", "90.2.answer"]


def test_odd_metadata_is_no_trouble(sheet: Sheet) -> None:
    for metadata in (
        {"cai": 3},
        {"cai": {"key": 3}},
        {"tags": "cai:90.1.answer"},
        {"tags": [3]},
        {"cai": {"key": "x"}},
    ):
        assert identify(LearnerCell(1, "code", "1", "", metadata), sheet) == []


def test_chapter_by_key_name_marker_and_source(sheet: Sheet) -> None:
    assert chapter_of([cell(key="90.1.answer")], "x.ipynb", [sheet]) is sheet
    assert chapter_of([cell("# ANSWER 90.1")], "04_x.ipynb", [sheet]) is sheet
    assert chapter_of([cell(sheet.exercises[0].checks[0].source)], "x.ipynb", [sheet]) is sheet
    with pytest.raises(Unreadable, match="No cell"):
        chapter_of([cell()], "90_sample.ipynb", [sheet])
    with pytest.raises(Unreadable, match="No exercises are installed"):
        chapter_of([cell()], "90_sample.ipynb", [])


def test_given_and_check_cells_always_come_from_the_course(sheet: Sheet) -> None:
    notebook = learner_files.exercise_notebook(sheet, learner_files.RIGHT)
    for row in notebook["cells"]:
        if row["metadata"].get("cai", {}).get("role") in ("given", "check"):
            row["source"] = "evil()"
    built = build(Job(submission(sheet, notebook), ("90.1", "90.2")), "mark", 10)
    text = "\n".join(row["source"] for row in built["cells"])
    assert "evil" not in text and sheet.setup.source in text


def test_the_notebook_that_runs(sheet: Sheet) -> None:
    found = submission(sheet, learner_files.exercise_notebook(sheet, learner_files.RIGHT))
    cells = build(Job(found, ("90.1", "90.2")), "mark", 10)["cells"]
    checks = [row for row in cells if row["metadata"]["cai"]["role"] == "check"]
    assert [row["metadata"]["cai"]["key"] for row in checks] == [c.key for e in sheet.exercises for c in e.checks]
    assert all(row["execution_count"] for row in checks), "nbval does not compare a cell without a count"
    recorded = [row["outputs"][0]["data"][mime("mark")] for row in checks]
    assert recorded == [c.recorded for e in sheet.exercises for c in e.checks]
    assert [row["metadata"]["cai"]["role"] for row in cells[:4]] == ["guard", "given", "guard", "answer"]


def test_a_replaced_exercise_gets_the_solution_and_no_checks(sheet: Sheet) -> None:
    answers = {**learner_files.RIGHT, "90.1": "# ANSWER 90.1\nexit_all()"}
    found = submission(sheet, learner_files.exercise_notebook(sheet, answers))
    cells = build(Job(found, ("90.2",), frozenset({"90.1"})), "mark", 10)["cells"]
    text = "\n".join(row["source"] for row in cells)
    assert "exit_all" not in text and sheet.exercise("90.1").solution in text
    assert {row["metadata"]["cai"]["exercise"] for row in cells if row["metadata"]["cai"]["role"] == "check"} == {
        "90.2"
    }


def test_helpers_stay_where_they_stood(sheet: Sheet) -> None:
    notebook = learner_files.exercise_notebook(sheet, learner_files.RIGHT)
    at = learner_files.place(notebook, "90.2.answer")
    notebook["cells"].insert(at, learner_files.code("before = 1"))
    notebook["cells"].insert(at + 2, learner_files.code("behind = 1"))
    notebook["cells"].insert(0, learner_files.code("first = 1"))
    notebook["cells"].append(learner_files.code("check('90.1')\nprogress()"))
    slots = submission(sheet, notebook).slots
    order = {key: [own.cell.source for own in owns if not own.answer] for key, owns in slots.items()}
    assert order == {"": ["first = 1"], "90.2.given": ["before = 1"], "90.1.answer": [], "90.2.answer": ["behind = 1"]}


def test_starter_in_pieces_is_not_started(sheet: Sheet) -> None:
    notebook = learner_files.exercise_notebook(sheet)
    at = learner_files.place(notebook, "90.2.answer")
    lower = dict(notebook["cells"][at])
    lines = lower["source"].split("\n")
    notebook["cells"][at]["source"], lower["source"] = "\n".join(lines[:2]), "\n".join(lines[2:])
    notebook["cells"].insert(at + 1, lower)
    found = submission(sheet, notebook)
    assert len(found.answers(sheet.exercise("90.2"))) == 2
    assert found.untouched(sheet.exercise("90.2"))


def test_nbvals_comments_are_defused() -> None:
    for mark in (
        "# NBVAL_SKIP",
        "  #NBVAL_IGNORE_OUTPUT  ",
        "## PYTEST_VALIDATE_IGNORE_OUTPUT",
        "# NBVAL_RAISES_EXCEPTION",
    ):
        from nbval.plugin import find_comment_markers

        assert list(find_comment_markers(mark))
        assert not list(find_comment_markers(defused(f"x = 1\n{mark}\ny = 2")))
    assert defused("x = 'NBVAL_SKIP'") == "x = 'NBVAL_SKIP'"


def test_formats_2_to_4_are_read() -> None:
    rows = [{"cell_type": "code", "input": ["a\r\n", "b"]}, {"cell_type": "heading", "source": "T"}]
    old = cells_of({"nbformat": 3, "worksheets": [{"cells": rows}]})
    assert [(c.number, c.kind, c.source) for c in old] == [(1, "code", "a\nb"), (2, "heading", "T")]
    assert parse('{"nbformat": 4}'.encode("utf-16")) == {"nbformat": 4}
    with pytest.raises(Unreadable, match="nested"):
        parse(b"[" * 200_000)


# honest.py


class Liar(str):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__

    def __repr__(self) -> str:
        return "'whatever you want'"


class Anything:
    part = 3

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = object.__hash__


@pytest.fixture
def strangers() -> None:
    Liar.__module__ = Anything.__module__ = "__main__"


@pytest.mark.usefixtures("strangers")
def test_lying_objects_become_what_they_are() -> None:
    made = honest({"a": [Liar("no"), 1], Liar("k"): (Liar("x"),)})
    assert made == {"a": ["no", 1], "k": ("x",)}
    assert repr(made) == "{'a': ['no', 1], 'k': ('x',)}"
    thing = honest(Anything())
    assert isinstance(thing, Stranger) and thing != 3 and thing.part == 3


def test_honest_values_stay_the_same_object() -> None:
    for value in ([1, "a", (None, True)], {"a": {"b": []}}, {1, 2}, 3.5, len, Path(), Sheet):
        assert honest(value) is value


def test_checks_are_wrapped_at_the_answers_names() -> None:
    assert wrapped("f(x)[0] == len(f)", {"f"}) == "_cai_honest(f(x))[0] == len(_cai_honest(f))"


def test_originals_come_back_for_the_check_only() -> None:
    import cai_helpers.critic as module

    names = {"data": [1], "helper": len, "free": 1}
    originals = Originals(names)
    originals.keep_names(names)
    names["data"].append(2)
    names.update(helper=max, free=2)
    real, module.critique = module.critique, print
    try:
        with originals.restored({"free"}):
            assert names == {"data": [1], "helper": len, "free": 2}
            assert module.critique is real
        assert names == {"data": [1, 2], "helper": max, "free": 2}
        assert module.critique is print
    finally:
        module.critique = real
