"""Read and check a solutions notebook: the single source of a chapter's exercises.

The first cell is Markdown with the title. Every other cell has `metadata.cai` with a unique `key`, a `role`, and the
cell id that is the key with hyphens for dots:

    NN.setup     given        code: imports and connect()
    NN.k.task    task         Markdown with the facts: exercise, title, difficulty, minutes, xp, hints, explanation,
                              mistakes
    NN.k.given   given        code, none, one or several (given2, ...): data and stand-ins
    NN.k.answer  answer       code, exactly one; its marks are described in sources.py
    NN.k.check1  check        code, two or more; "pass" and "fail" hold a sentence each
    NN.k.hidden1 hidden       code, two or more, like checks; learners do not get them in their notebook
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import sources
from .exercises import Cell, Exercise, ExerciseError, Mistake, Sheet, joined

ROLES = ("given", "answer", "check", "hidden")


def read_sheet(notebook: Mapping[str, Any], name: str) -> Sheet:
    """The sheet in a notebook (plain dicts, as json.load gives them). name: "04_critic".

    Raises ExerciseError, naming the cell, for anything that is not as the format says.
    """
    title, *cells = [_Source(cell, name) for cell in notebook["cells"]]
    if title.kind != "markdown" or not title.text.startswith("# "):
        raise ExerciseError(f"{name}: the first cell must be Markdown with the title, '# {name[:2]} · Exercises: ...'.")
    _check_keys(cells, name)
    if not cells or cells[0].key != f"{name[:2]}.setup" or cells[0].role != "given":
        raise ExerciseError(f"{name}: the second cell must be code with key '{name[:2]}.setup' and role 'given'.")
    groups: list[list[_Source]] = []
    for cell in cells[1:]:
        if cell.role == "task":
            groups.append([])
        elif not groups:
            raise cell.error("stands before the first task")
        groups[-1].append(cell)
    exercises = [_exercise(group, f"{name[:2]}.{place}") for place, group in enumerate(groups, 1)]
    if not exercises:
        raise ExerciseError(f"{name}: add an exercise; it begins with a Markdown cell of role 'task'.")
    return Sheet(name, title.text, cells[0].cell(), tuple(exercises))


def read_solutions(path: Path | str) -> Sheet:
    """The sheet in a solutions file. Raises ExerciseError or CourseError with one sentence."""
    from .lessons import read_notebook

    return read_sheet(read_notebook(Path(path)), Path(path).stem)


class _Source:
    """A cell of the notebook file, with errors that name it."""

    def __init__(self, cell: Mapping[str, Any], name: str):
        self.raw, self.name, self.kind = cell, name, cell["cell_type"]
        self.text = joined(cell.get("source", "")).strip("\n")
        self.facts: dict[str, Any] = cell.get("metadata", {}).get("cai") or {}
        self.key, self.role = str(self.facts.get("key", "")), self.facts.get("role", "")

    def error(self, problem: str) -> ExerciseError:
        shown = self.key or (self.text.split("\n")[0][:40] or "empty cell")
        return ExerciseError(f"{self.name}, cell {shown!r} {problem}.")

    def sentence(self, fact: str) -> str:
        value = self.facts.get(fact)
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"needs {fact!r}, a text that is not empty")
        return value.strip()

    def number(self, fact: str, low: int, high: int) -> int:
        value = self.facts.get(fact)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.error(f"needs {fact!r}, a whole number from {low} to {high}")
        return value

    def cell(self) -> Cell:
        cell = Cell(self.key, self.role, self.text, tuple(_output(output) for output in self.raw.get("outputs", ())))
        if self.role not in ("check", "hidden"):
            return cell
        desktop = self.facts.get("desktop_only", False) is True
        return replace(cell, passes=self.sentence("pass"), fails=self.sentence("fail"), desktop_only=desktop)


def _output(output: dict[str, Any]) -> dict[str, Any]:
    """An output with every text as one string."""
    whole: dict[str, Any] = {name: joined(value) if name == "text" else value for name, value in output.items()}
    if "data" in whole:
        kinds = whole["data"].items()
        whole["data"] = {kind: joined(part) if kind.startswith("text/") else part for kind, part in kinds}
    return whole


def _check_keys(cells: list[_Source], name: str) -> None:
    seen: set[str] = set()
    for cell in cells:
        if not re.fullmatch(rf"{name[:2]}\.(setup|\d+\.(task|answer|given\d*|check\d+|hidden\d+))", cell.key):
            raise cell.error(f"needs metadata.cai with a key such as '{name[:2]}.1.check1'")
        if cell.role != "task" and (cell.kind != "code" or cell.role not in ROLES):
            raise cell.error(f"must be code with a role out of {', '.join(ROLES)}, or Markdown with role task")
        part = re.sub(r"\d+$", "", cell.key.rpartition(".")[2])
        if part != {"setup": "setup"}.get(part, cell.role):
            raise cell.error(f"has the role {cell.role!r}, which does not fit its key")
        if cell.key in seen:
            raise cell.error("has the key of an earlier cell; keys are unique")
        if cell.raw.get("id") != cell.key.replace(".", "-"):
            raise cell.error(f"must have the cell id {cell.key.replace('.', '-')!r}")
        seen.add(cell.key)


def _exercise(group: list[_Source], number: str) -> Exercise:
    task, *rest = group
    if task.kind != "markdown" or task.facts.get("exercise") != number or task.key != f"{number}.task":
        raise task.error(f"must be Markdown of exercise {number!r}: exercises are numbered from 1 in order")
    for cell in rest:
        if not cell.key.startswith(f"{number}."):
            raise cell.error(f"stands in exercise {number}")
    order = "".join({"given": "g", "answer": "a", "check": "c", "hidden": "h"}[cell.role] for cell in rest)
    if not re.fullmatch("g*a[ch]+", order) or min(order.count("c"), order.count("h")) < 2:
        raise task.error("needs, in order: given cells, one answer cell, two or more checks, two or more hidden ones")
    title = task.sentence("title")
    if task.text.split("\n")[0] != f"## {number} {title}":
        raise task.error(f"must begin with the line '## {number} {title}'")
    cells = [cell.cell() for cell in rest]
    [answer] = [cell for cell in cells if cell.role == "answer"]
    if sources.marked_exercises(answer.source.split("\n")[0]) != [number]:
        raise task.error(f"needs an answer cell whose first line is '# ANSWER {number}'")
    try:
        sources.starter(answer.source)
    except sources.SourceError as error:
        raise ExerciseError(f"{task.name}, cell {answer.key!r} {error}") from None
    hints = task.facts.get("hints")
    if not isinstance(hints, list) or len(hints) != 3 or not all(isinstance(h, str) and h.strip() for h in hints):
        raise task.error("needs 'hints', a list of three texts")
    return Exercise(
        id=number,
        title=title,
        difficulty=task.number("difficulty", 1, 5),
        minutes=task.number("minutes", 1, 120),
        xp=task.number("xp", 1, 1000),
        task=task.text,
        hints=tuple(hints),
        explanation=task.sentence("explanation"),
        mistakes=_mistakes(task),
        given=tuple(cell for cell in cells if cell.role == "given"),
        answer=answer,
        checks=tuple(cell for cell in cells if cell.role in ("check", "hidden")),
    )


def _mistakes(task: _Source) -> tuple[Mistake, ...]:
    found = task.facts.get("mistakes", [])
    names = [row.get("name") if isinstance(row, dict) else None for row in found]
    for row, name in zip(found, names, strict=True):
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or names.count(name) > 1:
            raise task.error(f"has a mistake whose name is not a unique one in kebab-case: {name!r}")
        if not all(isinstance(row.get(part), str) and row[part].strip() for part in ("test", "say")):
            raise task.error(f"needs 'test' and 'say' for the mistake {name!r}")
    return tuple(Mistake(row["name"], row["test"], row["say"].strip()) for row in found)
