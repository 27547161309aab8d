"""From the outcomes of an exercise's checks to a verdict and its sentence: the same for the kernel and the grader."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import sources
from .exercises import Cell, Exercise

CORRECT, NOT_YET, NOT_STARTED, ERROR = "correct", "not yet", "not started", "error"
SHORT = 60  # characters of a value that a message still shows
SECONDS = 10  # that one check may take, in the kernel and in the grader


@dataclass(frozen=True)
class Outcome:
    """What one check gave. got: the value as text/plain. error: "ValueError: ..." where the check raised.

    late: it did not end in time.
    """

    check: Cell
    passed: bool
    got: str = ""
    error: str = ""
    late: bool = False


def conclude(
    exercise: Exercise,
    outcomes: Sequence[Outcome],
    *,
    answer: str | None,
    begun: bool = True,
    mistakes: Iterable[str] = (),
) -> tuple[str, str]:
    """(verdict, message). Every check passed: correct, whatever the source; a starter never gets there (see build.py).

    answer: the learner's source, None where it is not known. begun: whether any name of the answer has a value.
    mistakes: names of the mistakes whose test showed True.
    """
    if outcomes and all(outcome.passed for outcome in outcomes):
        return CORRECT, f"Correct. {exercise.explanation}"
    if (answer is not None and sources.untouched(answer, exercise.starter)) or (answer is None and not begun):
        return NOT_STARTED, (
            f"Not started. Write your answer in the cell that begins with # ANSWER {exercise.id}, run it, "
            "then check again."
        )
    shown = set(mistakes)
    named = [mistake.say for mistake in exercise.mistakes if mistake.name in shown]
    trouble = syntax_trouble(answer) if answer is not None else ""
    first = next((outcome for outcome in outcomes if not outcome.passed), None)
    return NOT_YET, f"Not yet: {trouble or next(iter(named), '') or describe(exercise, first)}"


def describe(exercise: Exercise, outcome: Outcome | None) -> str:
    """What to look at after a check that did not pass, in one or two sentences."""
    if outcome is None:
        return "no check ran."
    check = outcome.check
    if outcome.late:
        return f"a check did not end within {SECONDS} seconds: look for a loop that never stops. {check.fails}"
    missing = re.match(r"NameError: name '(\w+)' is not defined", outcome.error)
    if missing and missing[1] in exercise.names:
        return f"{missing[1]} is not defined: your answer must define this name. Did its cell run without an error?"
    if missing and any(missing[1] in sources.defined_names(cell.source) for cell in exercise.given):
        return f"{missing[1]} is not defined: run the cells between the task and your answer, then check again."
    if outcome.error.startswith("MemoryError"):
        return f"your answer used up the memory: look for something that never stops growing. {check.fails}"
    if outcome.error:
        name, _, text = outcome.error.partition(": ")
        error = f"{name}: {' '.join(text.split())}" if text else name
        return f"{check.fails} The check stopped with {_cut(error, 3 * SHORT)}"
    expected, got = check.recorded, outcome.got
    if expected in ("True", "False") or not got or max(len(expected), len(got)) > SHORT:
        return check.fails
    return f"{check.fails} Expected {expected}, got {got}."


def syntax_trouble(source: str) -> str:
    """One sentence when a cell is not Python, else ""; top-level await and IPython's lines are fine."""
    code = sources.without_magics(source)
    try:
        compile(code, "<answer>", "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        return f"Python cannot read your answer, line {error.lineno}: {error.msg}."
    except ValueError as error:
        return f"Python cannot read your answer: {error}."
    return ""


def _cut(text: str, length: int) -> str:
    text = text if len(text) <= length else text[: length - 3] + "..."
    return text if text.endswith((".", "!", "?")) else text + "."
