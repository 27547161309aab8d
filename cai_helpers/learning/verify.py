"""Proof for authors that checks check: run inside a kernel by build-exercises, on the solution and on the starter."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from . import exercises, instant, sources
from .lessons import LessonError, Notebook, execute, joined
from .sandbox import Sandbox
from .verdicts import SECONDS


def judge(file: str, exercise_id: str) -> None:
    """Print, as JSON, what each check gives twice in this kernel, and the value of each mistake's test."""
    exercise = exercises.from_json(Path(file).read_text(encoding="utf-8")).exercise(exercise_id)
    defined = {name for cell in (*exercise.given, exercise.answer) for name in sources.defined_names(cell.source)}
    tests = [*(cell.source for cell in exercise.checks), *(mistake.test for mistake in exercise.mistakes)]
    used = {name for source in tests for name in sources.used_names(source)}
    found: dict[str, Any] = {"checks": {}, "mistakes": {}}
    with Sandbox(instant.learners_names(), used - defined) as box:
        for _ in range(2):
            for cell in exercise.checks:
                got = instant.outcome(cell, box.run(cell.source, SECONDS))
                shown = got.error or got.got or "nothing in time"
                found["checks"].setdefault(cell.key, []).append([got.passed, shown])
        for mistake in exercise.mistakes:
            run = box.run(mistake.test, SECONDS)
            found["mistakes"][mistake.name] = run.error or run.value
    print(json.dumps(found), file=sys.stdout)


def verify(sheet: exercises.Sheet, path: Path, file: Path) -> list[str]:
    """What is wrong with a sheet when it runs: one sentence each. file: its JSON twin, anywhere.

    Raises LessonError when a given cell, a starter or a solution fails.
    """
    cells = [_cell("setup", sheet.setup.source)]
    for kind in ("starter", "solution"):
        for found in sheet.exercises:
            name = f"{kind}-{found.id.replace('.', '-')}"
            cells += [_cell(f"{name}-given{n}", cell.source) for n, cell in enumerate(found.given)]
            cells.append(_cell(name, found.starter if kind == "starter" else found.answer.source))
            call = f"from cai_helpers.learning.verify import judge as _judge\n\n_judge({str(file)!r}, {found.id!r})"
            cells.append(_cell(f"{name}-judged", call))
    result = execute({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, path)
    judged = {cell["id"]: cell for cell in result["cells"] if cell["id"].endswith("-judged")}
    problems = []
    for found in sheet.exercises:
        name = found.id.replace(".", "-")
        problems += _of_solution(found, _read(judged[f"solution-{name}-judged"]))
        problems += _of_starter(found, _read(judged[f"starter-{name}-judged"]))
    return problems


def _of_solution(exercise: exercises.Exercise, found: dict[str, Any]) -> list[str]:
    problems = []
    for cell in exercise.checks:
        wrong = [shown for passed, shown in found["checks"][cell.key] if not passed]
        if wrong:
            problems.append(
                f"{cell.key} does not hold on its own recording: expected {cell.recorded}, got {wrong[0]} "
                "when it was run again."
            )
    return problems + [
        f"{exercise.id}, mistake {name!r}: its test must give False on the solution, it gave {value or 'nothing'}."
        for name, value in found["mistakes"].items()
        if value != "False"
    ]


def _of_starter(exercise: exercises.Exercise, found: dict[str, Any]) -> list[str]:
    visible = [cell.key for cell in exercise.checks if cell.role == "check"]
    if all(passed for key in visible for passed, _ in found["checks"][key]):
        return [f"{exercise.id}: the starter passes all visible checks; at least one must fail on it."]
    return []


def _read(cell: dict[str, Any]) -> dict[str, Any]:
    texts = [joined(output["text"]) for output in cell["outputs"] if output.get("name") == "stdout"]
    for line in reversed("".join(texts).splitlines()):
        if line.startswith("{"):
            found: dict[str, Any] = json.loads(line)
            return found
    raise LessonError(f"cell {cell['id']!r} printed no result.")


def _cell(cell_id: str, source: str) -> Notebook:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }
