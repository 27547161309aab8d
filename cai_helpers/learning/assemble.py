"""The notebook that nbval runs: the reference, cell by cell, with a learner's answers in the answer slots.

First the guard, then set-up and given cells as the course has them, the learner's cells, and in place of each check a
call of the guard, with the recorded value as its reference output. Only exercises that are judged get their checks;
an exercise that is `replaced` (its answer broke the kernel) gets the reference solution, so that later ones can run.
"""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from . import sources
from .exercises import Cell, Exercise
from .guard import mime
from .splice import START, Submission

SETUP = ""  # the exercise id of everything in front of the first exercise
MEMORY = 2_000_000_000  # bytes of address space that the learner's code may add
FILE_SIZE = 100_000_000  # bytes of the largest file that it may write
ARM = """from cai_helpers.learning.guard import arm as _arm
import json as _json
_arm(_json.loads({plan!r}))
del _arm, _json"""
NBVAL_MARK = re.compile(
    r"^([ 	]*#[# 	]*)(NBVAL_(?:IGNORE_OUTPUT|CHECK_OUTPUT|RAISES_EXCEPTION|SKIP)|PYTEST_VALIDATE_IGNORE_OUTPUT)"
    r"(?=[ 	]*$)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Job:
    """One run of one file. judged: exercises to check; replaced: exercises (or SETUP) whose own cells stay out."""

    submission: Submission
    judged: tuple[str, ...]
    replaced: frozenset[str] = frozenset()


def build(job: Job, mark: str, seconds: float) -> dict[str, Any]:
    """The notebook as a dict. mark: drawn for this run, kept from the learner's code. seconds: for one check."""
    maker = _Maker(job, mark)
    cells = list(maker.cells())
    plan = {
        "mark": mark,
        "seconds": seconds,
        "memory": MEMORY,
        "file_size": FILE_SIZE,
        "given": maker.given,
        "runs": maker.runs,
    }
    first = maker.cell(ARM.format(plan=json.dumps(plan)), "guard", SETUP)
    return {"cells": [first, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


class _Maker:
    """Makes the cells in order, and lists what the guard must know about them."""

    def __init__(self, job: Job, mark: str):
        self.job, self.mark, self.sheet = job, mark, job.submission.sheet
        self.given: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.free = sorted({name for exercise in self.sheet.exercises for name in exercise.names})
        self.count = 0

    def cells(self) -> Iterator[dict[str, Any]]:
        yield from self.of_the_course(self.sheet.setup, SETUP)
        yield from self.own(START, SETUP)
        yield from self.own(self.sheet.setup.key, SETUP)
        for exercise in self.sheet.exercises:
            yield from self.exercise(exercise)

    def exercise(self, exercise: Exercise) -> Iterator[dict[str, Any]]:
        for part in exercise.given:
            yield from self.of_the_course(part, exercise.id)
            yield from self.own(part.key, exercise.id)
        if exercise.id in self.job.replaced:
            yield self.cell(exercise.solution, "solution", exercise.id)
        yield from self.own(exercise.answer.key, exercise.id)
        judged = exercise.id in self.job.judged
        for check in exercise.checks:
            if judged:
                yield self.run(check.source, "check", exercise, check.key, check.recorded)
            yield from self.own(check.key, exercise.id)
        for mistake in exercise.mistakes if judged else ():
            yield self.run(mistake.test, "mistake", exercise, mistake.name, "False")

    def of_the_course(self, part: Cell, exercise_id: str) -> Iterator[dict[str, Any]]:
        """A given cell, and the guard's note of the names that it defines."""
        yield self.cell(part.source, "given", exercise_id, key=part.key)
        yield self.cell(f"_cai_{self.mark}_given_{len(self.given)}()", "guard", exercise_id)
        self.given.append({"names": sorted(sources.defined_names(part.source))})

    def own(self, key: str, exercise_id: str) -> Iterator[dict[str, Any]]:
        """The learner's cells of one slot."""
        if exercise_id not in self.job.replaced:
            for own in self.job.submission.slots.get(key, []):
                role = "answer" if own.answer else "helper"
                yield self.cell(defused(own.cell.source), role, exercise_id, number=own.cell.number)

    def run(self, source: str, role: str, exercise: Exercise, key: str, recorded: str) -> dict[str, Any]:
        """A call of the guard that runs a check or the test of a mistake."""
        made = self.cell(f"_cai_{self.mark}_run_{len(self.runs)}()", role, exercise.id, key=key)
        data = {mime(self.mark): recorded}
        made["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
        made["execution_count"] = 1  # a cell without a count is not compared
        self.runs.append(
            {
                "exercise": exercise.id,
                "role": role,
                "source": source,
                "names": sorted(exercise.names),
                "free": self.free,
                "shadows": sorted(self.shadows(exercise)),
            }
        )
        return made

    def shadows(self, exercise: Exercise) -> Collection[str]:
        """Built-ins that the checks use and no cell of the course defines: a learner's global must not hide them."""
        texts = [*(check.source for check in exercise.checks), *(mistake.test for mistake in exercise.mistakes)]
        used = {name for text in texts for name in sources.used_names(text)}
        defined = {name for cell in self.sheet.cells if cell.role in ("given", "answer") for name in _defined(cell)}
        return (used & set(vars(builtins))) - defined

    def cell(self, source: str, role: str, exercise_id: str, **facts: Any) -> dict[str, Any]:
        self.count += 1
        return {
            "cell_type": "code",
            "id": f"c{self.count}",
            "metadata": {"cai": {"role": role, "exercise": exercise_id, **facts}},
            "source": source,
            "execution_count": None,
            "outputs": [],
        }


def defused(source: str) -> str:
    """The learner's text without nbval's comments, which could switch a comparison off."""
    return NBVAL_MARK.sub(r"\1(\2)", source)


def _defined(cell: Cell) -> set[str]:
    return sources.defined_names(cell.source)
