"""The answers in tests/answers/, read, and an exercise's answer judged by the instant check in this process.

A case is a whole answer cell below a line that gives the verdict that both graders must reach:

    # %% 04.2 right: a plain loop
    # %% 04.2 wrong order-lost: in the order of completion     (order-lost: the named mistake that it shows, - for none)
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from cai_helpers.learning import instant
from cai_helpers.learning.exercises import Exercise, Sheet, load_sheets

ROOT = Path(__file__).resolve().parents[1]
HEAD = re.compile(r"^# %% (\d\d\.\d+) (right|wrong)(?: ([a-z0-9-]+))?: (.+)$")


@dataclass(frozen=True)
class Case:
    """One answer. mistake: the name of the mistake that a wrong one shows, "" for none."""

    exercise: str
    right: bool
    mistake: str
    title: str
    source: str

    @property
    def verdict(self) -> str:
        """What both graders must say."""
        return "correct" if self.right else "not yet"


def sheets() -> list[Sheet]:
    """All sheets of the checkout."""
    return load_sheets(ROOT)


def read_cases(text: str, name: str = "") -> list[Case]:
    """The cases of a file, in its order. Raises ValueError for a line that is nearly one."""
    cases: list[Case] = []
    head: re.Match[str] | None = None
    lines: list[str] = []

    def close() -> None:
        if head is not None:
            exercise, kind, mistake, title = head.groups()
            known = "" if mistake in (None, "-") else mistake
            cases.append(Case(exercise, kind == "right", known, title.strip(), "\n".join(lines).strip("\n")))

    for line in text.splitlines():
        if line.startswith("# %%"):
            close()
            head, lines = HEAD.match(line), []
            if head is None or (head[2] == "wrong") != bool(head[3]):
                raise ValueError(f"{name}: write '# %% 04.2 right: title' or '# %% 04.2 wrong mistake: title': {line}")
        else:
            lines.append(line)
    close()
    return cases


def cases_of(sheet: Sheet) -> list[Case]:
    """The cases of a chapter, [] where there is no file."""
    return _cases(sheet.name)


@functools.cache  # one reading for a whole run, also while somebody writes
def _cases(name: str) -> list[Case]:
    path = ROOT / "tests" / "answers" / f"{name}.py"
    return read_cases(path.read_text("utf-8"), path.name) if path.is_file() else []


def namespace(sheet: Sheet, exercise: Exercise) -> dict[str, Any]:
    """A learner's names in front of an answer cell: set-up, given cells and the starters of earlier exercises ran."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with quiet():
        exec(_compiled(sheet.setup.source), names)
        for other in sheet.exercises:
            for cell in other.given:
                exec(_compiled(cell.source), names)
            if other.id == exercise.id:
                break
            exec(_compiled(other.starter), names)
    return names


def judged(sheet: Sheet, exercise: Exercise, source: str) -> tuple[str, str]:
    """(verdict, message) of the instant check on an answer cell that ran in a fresh namespace."""
    names = namespace(sheet, exercise)
    with quiet(), contextlib.suppress(Exception, SystemExit):  # a notebook goes on after a cell that raised
        exec(compile(source, "<answer>", "exec"), names)
    return instant.examine(exercise, names, source)


@contextlib.contextmanager
def quiet() -> Any:
    """Nothing printed, no warning shown."""
    sink = io.StringIO()
    with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@functools.lru_cache(maxsize=512)
def _compiled(source: str) -> CodeType:
    return compile(source, "<cell>", "exec")
