"""Exercises as data: a Sheet holds one chapter's exercises. reader.py reads it from solutions/, this file from JSON.

The JSON twin of a sheet lies in cai_helpers/learning/data/ and holds all of it with the recorded outputs: the check in
the kernel, the hints and the grader read nothing else. `build-exercises` writes it.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import sources
from .manifest import CourseError

DATA = Path(__file__).resolve().parent / "data"
FOLDER_VARIABLE = "CAI_EXERCISES"  # a folder of JSON twins to use instead of the package's own


class ExerciseError(CourseError):
    """An exercise is unknown, or is not written as the format says; the message says what to do."""


@dataclass(frozen=True)
class Cell:
    """A code cell. outputs: as recorded. passes, fails: a check's two sentences.

    desktop_only: the check needs threads or processes, which the browser has not; it is left out there.
    """

    key: str
    role: str
    source: str
    outputs: tuple[dict[str, Any], ...] = ()
    passes: str = ""
    fails: str = ""
    desktop_only: bool = False

    @property
    def recorded(self) -> str:
        """The recorded value of the last expression as text/plain; "" where there is none."""
        for output in self.outputs:
            if output.get("output_type") == "execute_result":
                return joined(output["data"].get("text/plain", ""))
        return ""


@dataclass(frozen=True)
class Mistake:
    """A wrong idea that learners have. test: source whose last expression is True when the answer shows it."""

    name: str
    test: str
    say: str


@dataclass(frozen=True)
class Exercise:
    """One exercise, everything about it. checks: visible and hidden ones, in the order of the notebook."""

    id: str
    title: str
    difficulty: int
    minutes: int
    xp: int
    task: str
    hints: tuple[str, ...]
    explanation: str
    mistakes: tuple[Mistake, ...]
    given: tuple[Cell, ...]
    answer: Cell
    checks: tuple[Cell, ...]

    @property
    def starter(self) -> str:
        """The answer cell as the learner gets it."""
        return sources.starter(self.answer.source)

    @property
    def solution(self) -> str:
        """The solution, to read."""
        return sources.solution(self.answer.source)

    @property
    def names(self) -> set[str]:
        """The names that the answer is to define."""
        return sources.defined_names(self.answer.source)


@dataclass(frozen=True)
class Sheet:
    """The exercises of one chapter. name: "04_critic". intro: the Markdown of the first cell."""

    name: str
    intro: str
    setup: Cell
    exercises: tuple[Exercise, ...] = field(default_factory=tuple)

    @property
    def number(self) -> str:
        """The chapter's number, "04"."""
        return self.name[:2]

    @property
    def cells(self) -> list[Cell]:
        """All code cells in the order of the solutions notebook."""
        parts = [[*found.given, found.answer, *found.checks] for found in self.exercises]
        return [self.setup, *(cell for part in parts for cell in part)]

    def exercise(self, exercise_id: str) -> Exercise:
        """The exercise with this id. KeyError where there is none."""
        return {found.id: found for found in self.exercises}[exercise_id]


# --- The JSON twin ---


def to_json(sheet: Sheet) -> str:
    """The sheet as the text of its JSON file; equal sheets give equal bytes."""
    return json.dumps(asdict(sheet), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def from_json(text: str) -> Sheet:
    """The sheet that `to_json` wrote."""
    data = json.loads(text)
    exercises = []
    for row in data["exercises"]:
        row["mistakes"] = tuple(Mistake(**mistake) for mistake in row["mistakes"])
        row["given"] = tuple(_cell(cell) for cell in row["given"])
        row["checks"] = tuple(_cell(cell) for cell in row["checks"])
        exercises.append(Exercise(**{**row, "hints": tuple(row["hints"]), "answer": _cell(row["answer"])}))
    return Sheet(data["name"], data["intro"], _cell(data["setup"]), tuple(exercises))


def data_folder(root: Path | str | None = None) -> Path:
    """Where the JSON twins are: of the course in `root`, else as CAI_EXERCISES says, else the package's own."""
    if root is not None:
        return Path(root) / "cai_helpers" / "learning" / "data"
    return Path(os.environ.get(FOLDER_VARIABLE) or DATA)


def load_sheets(root: Path | str | None = None) -> list[Sheet]:
    """All sheets, in the order of the chapters; [] where there are none."""
    paths = sorted(data_folder(root).glob("[0-9][0-9]_*.json"))
    return [_load(str(path), path.stat().st_mtime_ns) for path in paths]


def find_sheet(chapter: str, root: Path | str | None = None) -> Sheet:
    """The sheet of a chapter: "04", "04_critic". Raises ExerciseError naming the known ones."""
    known = load_sheets(root)
    for sheet in known:
        if chapter in (sheet.name, sheet.number):
            return sheet
    names = ", ".join(sheet.name for sheet in known) or "none"
    raise ExerciseError(f"There are no exercises {chapter!r}; there are: {names}.")


def find_exercise(exercise_id: str, root: Path | str | None = None) -> Exercise:
    """The exercise with this id. Raises ExerciseError, naming near ids, for any other."""
    known = {found.id: found for sheet in load_sheets(root) for found in sheet.exercises}
    wanted = str(exercise_id).strip()
    if wanted in known:
        return known[wanted]
    same = [name for name in known if name.split(".")[0] == wanted.split(".")[0].zfill(2)]
    near = same or difflib.get_close_matches(wanted, known, 3, 0.4) or list(known)[:3]
    said = f"Did you mean {' or '.join(near)}?" if near else "No exercises are installed."
    raise ExerciseError(f"There is no exercise {wanted!r}. {said}")


def joined(text: str | list[str]) -> str:
    """Notebook files hold a long text as a string or as a list of lines; here it is always a string."""
    return text if isinstance(text, str) else "".join(text)


@functools.lru_cache(maxsize=64)
def _load(path: str, changed: int) -> Sheet:
    return from_json(Path(path).read_text(encoding="utf-8"))


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(**{**row, "outputs": tuple(row["outputs"])})
