"""What the worker wrote about each cell, read: what broke, what each check gave, what a learner should look at.

A row is a dict: role, exercise, key or number (the learner's own cell), outcome, trouble ("died", "late", "silent" or
""), and for checks got, error and late. See grade_worker.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from .assemble import MEMORY, Job
from .exercises import Cell
from .loading import LearnerCell
from .runs import Row
from .verdicts import Outcome

LEARNERS = ("answer", "helper", "check", "mistake")  # cells that run a learner's code


def first_trouble(job: Job, rows: list[Row]) -> tuple[str | None, str]:
    """(the exercise that broke the kernel, how): None when all went well, SETUP for cells in front of the first one.

    The kernel may be found dead in a cell of the course: then the learner's cell before it did it.
    """
    last = None
    for row in rows:
        if row["role"] in LEARNERS:
            last = row["exercise"]
        if row["trouble"]:
            return (last if last is not None else row["exercise"]), row["trouble"]
    checked = {row["exercise"] for row in rows if row["role"] == "check"}
    missing = [name for name in job.judged if name not in checked]
    return (missing[0], "died") if missing else (None, "")


def outcome(check: Cell, row: Row) -> Outcome:
    late = bool(row.get("late")) or row["trouble"] == "late"
    return Outcome(check, row["outcome"] == "passed" and not late, row.get("got", ""), row.get("error", ""), late)


def broke(rows: list[Row]) -> str:
    """The message when the answer took the kernel down or did not end, "" otherwise."""
    for row in rows:
        cell = f"cell {row['number']}" if "number" in row else "a check of your answer"
        if row["trouble"] == "died":
            return f"Not yet: the kernel stopped in {cell}. Take out what ends the program or uses up its memory."
        if row["trouble"] == "late" and "number" in row:
            return f"Not yet: {cell} did not end in time. Look for a loop that never stops."
    return ""


def look_at(rows: list[Row], answers: Sequence[LearnerCell]) -> list[str]:
    """What else a learner should know: cells of their own that stopped with an error."""
    said = []
    for row in rows:
        if row["role"] in ("answer", "helper") and row.get("error"):
            error = row["error"]
            if error.startswith("StdinNotImplementedError"):
                error = "input(): nobody types while a file is graded"
            if error.startswith("MemoryError"):
                error = f"MemoryError: it may use {MEMORY // 10**9} GB; look for something that never stops growing"
            said.append(f"Cell {row['number']} stopped with {' '.join(error.split())}")
    return said


def sentence(outcome: Outcome) -> str:
    return outcome.check.passes if outcome.passed else outcome.check.fails
