"""check("04.2"): the verdict on an exercise at once, in the learner's own kernel, by the grader's rules.

It runs the visible and the hidden checks on what is in memory now, and compares each value with the recorded one.
`python -m cai_helpers grade` runs the file from the top: the same verdict, if the notebook was run in order.
"""

from __future__ import annotations

import sys
from typing import Any

from . import compare, honest, progress_file, shelter, sources
from .asides import Sentence
from .exercises import Cell, Exercise, ExerciseError, find_exercise
from .sandbox import Run, Sandbox
from .verdicts import ERROR, SECONDS, Outcome, conclude

# The library as it is before the learner's code runs: what they replace in it is put back while a check runs.
ORIGINALS = honest.Originals({})
BROWSER = sys.platform == "emscripten"
LOOPS = "In the browser a check cannot stop every loop that never ends. If no verdict comes, restart the kernel."
_said: set[str] = set()


class Feedback(Sentence):
    """A verdict in words. verdict: "correct", "not yet", "not started" or "error". Buttons stand beside it if live."""

    verdict: str
    exercise: str

    @classmethod
    def of(cls, exercise_id: str, verdict: str, text: str) -> Feedback:
        """The text with its verdict."""
        found = cls(text)
        found.exercise, found.verdict = exercise_id, verdict
        return found

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from .buttons import exercise_buttons

        view = exercise_buttons(self.exercise, str(self)) if self.verdict != ERROR else None
        return {"text/plain": str(self)} if view is None else view._repr_mimebundle_()


def check(exercise_id: str) -> Feedback:
    """Check the answer to an exercise ("04.2"). Shows a sentence that begins with the verdict.

    Bad code never raises here. Names, random numbers, working folder, environment and client stay as they were. A check
    that does not end is stopped after ten seconds; in the browser one long call into other code cannot be stopped.
    """
    try:
        exercise = find_exercise(exercise_id)
    except ExerciseError as error:
        return Feedback.of(str(exercise_id), ERROR, str(error))
    if BROWSER and LOOPS not in _said:  # before the checks run: afterwards may be too late
        _said.add(LOOPS)
        print(LOOPS)
    try:
        verdict, text = examine(exercise, learners_names(), last_answer(exercise))
    except Exception as error:  # the check itself is at fault, not the learner
        said = (
            f"The check itself could not run ({type(error).__name__}: {error}). Restart the kernel and run all cells."
        )
        return Feedback.of(exercise.id, ERROR, said)
    note = progress_file.record(exercise.id, verdict)
    return Feedback.of(exercise.id, verdict, f"{text}\n{note}" if note else text)


def examine(exercise: Exercise, namespace: dict[str, Any], answer: str | None) -> tuple[str, str]:
    """(verdict, message) for the answer in `namespace`. answer: its source, None where it is not known.

    Stops at the first check that does not pass, then looks for the named mistakes.
    """
    ORIGINALS.keep_library()  # of modules that were imported since
    with ORIGINALS.restored():
        return _examine(exercise, namespace, answer)


def _examine(exercise: Exercise, namespace: dict[str, Any], answer: str | None) -> tuple[str, str]:
    checks = [cell for cell in exercise.checks if not (cell.desktop_only and BROWSER)]
    defined = {name for cell in (*exercise.given, exercise.answer) for name in sources.defined_names(cell.source)}
    used = {name for source in _sources(exercise) for name in sources.used_names(source)}
    begun = not exercise.names or any(namespace.get(name, ...) is not ... for name in exercise.names)
    outcomes: list[Outcome] = []
    mistakes: list[str] = []
    with Sandbox(namespace, used - defined) as box:
        namespace[honest.WRAP] = honest.honest  # the sandbox takes it away again
        for cell in checks:
            outcomes.append(outcome(cell, box.run(honest.wrapped(cell.source, exercise.names), SECONDS)))
            if not outcomes[-1].passed:
                break
        if not outcomes[-1].passed and not outcomes[-1].late:
            tests = {found.name: honest.wrapped(found.test, exercise.names) for found in exercise.mistakes}
            mistakes = [name for name, test in tests.items() if box.run(test, SECONDS).value == "True"]
    return conclude(exercise, outcomes, answer=answer, begun=begun, mistakes=mistakes)


def outcome(cell: Cell, run: Run) -> Outcome:
    """Whether a check's run gives what was recorded, by nbval's rules."""
    got = [compare.result(run.value)] if run.value else []
    same = not compare.difference(got, compare.coalesce_streams(cell.outputs), compare.STREAMS)
    return Outcome(cell, same and not run.error and not run.late, run.value, run.error, run.late)


def learners_names() -> dict[str, Any]:
    """The notebook's names; outside IPython those of the module that called."""
    shell = shelter.shell()
    if shell is not None:
        names: dict[str, Any] = shell.user_ns
        return names
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("cai_helpers."):
        frame = frame.f_back
    return frame.f_globals


def last_answer(exercise: Exercise) -> str | None:
    """The source of the answer cell as it was run last, from IPython's history; None where there is none.

    Known by its line `# ANSWER 04.2`; where a learner removed that, by the names that it defines.
    """
    history = getattr(getattr(shelter.shell(), "history_manager", None), "input_hist_raw", None) or []
    others = None
    for source in reversed(list(history)):
        marks = sources.marked_exercises(source)
        if exercise.id in marks:
            return str(source)
        if others is None and not marks and sources.defined_names(source) & exercise.names:
            others = str(source)
    return others


def _sources(exercise: Exercise) -> list[str]:
    return [*(cell.source for cell in exercise.checks), *(mistake.test for mistake in exercise.mistakes)]
