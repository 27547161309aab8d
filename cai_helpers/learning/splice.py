"""Lay a learner's answers over the reference: which cell of the file is which, and in what order they run.

Given cells and checks always come from the reference. A learner's code cell is known by, in this order, its metadata
key, a tag `cai:<key>`, its cell id, a line `# ANSWER NN.k`, and the exact source of a given or check cell. Editors copy
metadata when a cell is duplicated or split, so all cells with one key are taken, in the order of the file. Cells that
are not known are the learner's own helpers: they run behind the last known cell before them.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import sources
from .exercises import Cell, Exercise, Sheet
from .identify import MARKER, identify, named_keys
from .loading import LearnerCell, Unreadable, load

COURSE_CALLS = {"check", "hint", "solution", "progress"}
START = ""  # the place of learner cells in front of every known cell


@dataclass(frozen=True)
class Own:
    """A learner's cell in its slot. answer: known as an answer cell; otherwise a helper cell of their own."""

    cell: LearnerCell
    answer: bool


@dataclass
class Submission:
    """A learner's file, sorted. slots: reference key -> the learner's cells that run there, in order.

    notes: exercise id (or "" for the whole file) -> what the grader put aside, in sentences.
    """

    path: str
    sheet: Sheet
    slots: dict[str, list[Own]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def answers(self, exercise: Exercise) -> list[LearnerCell]:
        """The answer cells of an exercise."""
        return [own.cell for own in self.slots.get(exercise.answer.key, []) if own.answer]

    def untouched(self, exercise: Exercise) -> bool:
        """Whether the exercise is not started: no answer cell, an empty one, or the starter (also in pieces)."""
        texts = [cell.source for cell in self.answers(exercise)]
        return sources.untouched("\n".join(texts), exercise.starter)


def read_submission(path: Path, sheets: Sequence[Sheet], name: str = "") -> Submission:
    """Read a file and sort its cells. Raises Unreadable with one sentence. name: how reports call the file."""
    cells = load(path)
    return sort_cells(name or str(path), cells, chapter_of(cells, path.name, sheets))


def chapter_of(cells: Sequence[LearnerCell], file_name: str, sheets: Sequence[Sheet]) -> Sheet:
    """The chapter that a file belongs to: by keys, then file name, markers, sources. Raises Unreadable."""
    known = {sheet.number: sheet for sheet in sheets}
    if not known:
        raise Unreadable("No exercises are installed with this course: there is nothing to grade by.")

    def first(numbers: Iterable[str]) -> Sheet | None:
        found = Counter(number for number in numbers if number in known).most_common(1)
        return known[found[0][0]] if found else None

    by_key = first(key[:2] for cell in cells for key in named_keys(cell))
    by_name = first(re.findall(r"^(\d\d)[_ -]", file_name))
    by_marker = first(number[:2] for cell in cells for number in MARKER.findall(cell.source))
    texts = {cell.source.strip() for cell in cells}
    by_source = first(s.number for s in sheets for part in s.cells if part.role != "answer" and part.source in texts)
    sheet = by_key or (by_name if _any_known(cells, by_name) else None) or by_marker or by_source
    if sheet is None:
        raise Unreadable("No cell of this notebook belongs to an exercise of the course: grade files from exercises/.")
    return sheet


def sort_cells(path: str, cells: Sequence[LearnerCell], sheet: Sheet) -> Submission:
    """Put each code cell of the file into its slot."""
    result = Submission(path, sheet)
    reference = {cell.key: cell for cell in sheet.cells}
    answer_keys = {exercise.id: exercise.answer.key for exercise in sheet.exercises}
    around = _around(sheet)
    here = START
    for cell in cells:
        keys = identify(cell, sheet)
        if not keys and cell.kind != "code":
            continue
        places = [key for key in keys if key in reference]
        answers = [key for key in places if reference[key].role == "answer"]
        if answers:
            here = answers[0]
            for key in answers:
                result.slots.setdefault(key, []).append(Own(cell, True))
        elif places:
            here = places[0]
            _note_edit(result, cell, reference[here])
        elif keys:  # a cell that only exercises/ has: the task, or check("04.2") behind the checks
            here = around.get(keys[0], here)
        elif _runs_something(cell.source):
            result.slots.setdefault(here, []).append(Own(cell, False))
    _take_answers_without_marks(result, cells, reference)
    for key in answer_keys.values():
        _drop_starter_copies(result, key)
    return result


def _around(sheet: Sheet) -> dict[str, str]:
    """For cells that only exercises/ has: the key of the reference cell in front of them."""
    found, last = {}, sheet.setup.key
    for exercise in sheet.exercises:
        found[f"{exercise.id}.task"] = last
        found[f"{exercise.id}.ask"] = last = exercise.checks[-1].key
    return {**found, f"{sheet.number}.progress": last}


def _any_known(cells: Sequence[LearnerCell], sheet: Sheet | None) -> bool:
    return sheet is not None and any(identify(cell, sheet) for cell in cells)


def _runs_something(source: str) -> bool:
    """False for an empty cell, and for one that only asks the course: check, hint, solution, progress."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return bool(source.strip())
    calls = [node.value for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    asks = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in COURSE_CALLS]
    return len(asks) < len(body)


def _note_edit(result: Submission, cell: LearnerCell, part: Cell) -> None:
    if sources.same_code(cell.source, part.source):
        return
    number = "" if part.key.endswith(".setup") else ".".join(part.key.split(".")[:2])
    what = {"given": "set-up or given"}.get(part.role, "check")
    text = f"Cell {cell.number} is a {what} cell and was changed: the grader runs the original instead."
    result.notes.setdefault(number, []).append(text)


def _take_answers_without_marks(result: Submission, cells: Sequence[LearnerCell], reference: dict[str, Cell]) -> None:
    """An exercise without an answer cell: a check or given cell that now defines the answer's names holds it."""
    for exercise in result.sheet.exercises:
        if result.answers(exercise):
            continue
        wanted = exercise.names
        for cell in cells:
            keys = identify(cell, result.sheet)
            part = reference.get(keys[0]) if keys else None
            if part is None or not part.key.startswith(f"{exercise.id}."):
                continue
            if wanted & (sources.defined_names(cell.source) - sources.defined_names(part.source)):
                result.slots.setdefault(exercise.answer.key, []).append(Own(cell, True))


def _drop_starter_copies(result: Submission, key: str) -> None:
    """A copied answer cell that is still the starter must not undo the answer in the other one."""
    owns = result.slots.get(key, [])
    [exercise] = [found for found in result.sheet.exercises if found.answer.key == key]
    worked = [own for own in owns if not (own.answer and sources.untouched(own.cell.source, exercise.starter))]
    if any(own.answer for own in worked):
        result.slots[key] = worked
