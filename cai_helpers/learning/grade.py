"""Grade learners' notebooks: `python -m cai_helpers grade PATH...`.

For each file: read and sort its cells (splice.py), build the notebook that nbval runs (assemble.py), run it with others
in one pytest session per process (runs.py), and turn what the checks gave into verdicts (verdicts.py), the same as
check("04.2") gives in the notebook.

First all exercises of a file run in one kernel. When an answer never ends or takes the kernel down, the exercises
behind it run again in a new one, with the reference solution in that answer's place: it costs that exercise only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import sources
from .assemble import SETUP, Job
from .exercises import Exercise, load_sheets
from .loading import Unreadable
from .rows import LEARNERS, broke, first_trouble, look_at, outcome, sentence
from .runs import Limits, NoTools, Row, run_jobs
from .splice import Submission, read_submission
from .verdicts import CORRECT, ERROR, NOT_STARTED, NOT_YET, conclude

EXCERPT = 5  # lines of an answer that a report shows


@dataclass(frozen=True)
class Result:
    """The verdict on one exercise of one file; exercise is "" when it is on the whole file.

    checks: [{"key", "passed", "sentence"}]; cell: the learner's own cell, {"number", "source"}; look_at: what to look
    at beside the message.
    """

    file: str
    exercise: str
    verdict: str
    message: str
    title: str = ""
    xp: int = 0
    checks: list[dict[str, Any]] = field(default_factory=list)
    cell: dict[str, Any] | None = None
    look_at: list[str] = field(default_factory=list)


def grade(
    paths: Sequence[str | Path], *, jobs: int = 1, root: Path | str | None = None, limits: Limits | None = None
) -> list[Result]:
    """The verdicts on all exercises of all files, in the order of the paths. Never raises for a bad file.

    jobs: worker processes. root: a course folder, for its exercises instead of the package's.
    """
    sheets = load_sheets(root)
    found: list[Submission | Result] = []
    for path, name in find_files(paths):
        try:
            found.append(read_submission(path, sheets, name))
        except Unreadable as error:
            found.append(Result(name, "", ERROR, str(error)))
    graders = {place: _Grader(part) for place, part in enumerate(found) if isinstance(part, Submission)}
    try:
        _run_all(list(graders.values()), jobs, limits or Limits())
    except NoTools as error:
        return [
            Result(part.path if isinstance(part, Submission) else part.file, "", ERROR, str(error)) for part in found
        ]
    results: list[Result] = []
    for place, part in enumerate(found):
        results += graders[place].results() if place in graders else [part]  # type: ignore[list-item]
    return results


def find_files(paths: Sequence[str | Path]) -> list[tuple[Path, str]]:
    """(path, name in reports) of every notebook: files as given, folders searched; hidden folders are left out.

    A path that does not exist, or a folder without notebooks, stays in the list: reading it says what is wrong.
    """
    found: list[tuple[Path, str]] = []
    for given in paths:
        path = Path(given)
        inside = []
        if path.is_dir():
            inside = [
                part
                for part in sorted(path.rglob("*.ipynb"))
                if part.is_file() and not any(name.startswith(".") for name in part.relative_to(path).parts)
            ]
        found += [(part, part.as_posix()) for part in inside or [path]]
    return list(dict.fromkeys(found))


def exit_status(results: Sequence[Result]) -> int:
    """0 all correct, 1 not all, 2 when a file could not be graded or there was nothing to grade."""
    verdicts = {result.verdict for result in results}
    if not results or ERROR in verdicts:
        return 2
    return 0 if verdicts == {CORRECT} else 1


def _run_all(graders: Sequence[_Grader], jobs: int, limits: Limits) -> None:
    """Run the files, and again what a broken kernel left open, until nothing is open."""
    while True:
        waiting = [(grader, job) for grader in graders for job in grader.take_jobs()]
        if not waiting:
            return
        for (grader, job), rows in zip(waiting, run_jobs([job for _, job in waiting], jobs, limits), strict=True):
            grader.learn(job, rows)


class _Grader:
    """Collects the verdicts on one file."""

    def __init__(self, submission: Submission):
        self.submission, self.sheet = submission, submission.sheet
        self.found: dict[str, Result] = {}
        for exercise in self.sheet.exercises:
            if submission.untouched(exercise) and not self._defined_elsewhere(exercise):
                self._conclude(exercise, [])
        judged = tuple(exercise.id for exercise in self.sheet.exercises if exercise.id not in self.found)
        self.jobs = [Job(submission, judged)] if judged else []
        self.tries = 0

    def take_jobs(self) -> list[Job]:
        """What is to be run next."""
        jobs, self.jobs = self.jobs, []
        return jobs

    def results(self) -> list[Result]:
        """One result for each exercise of the chapter, in order."""
        return [self.found[exercise.id] for exercise in self.sheet.exercises]

    def learn(self, job: Job, rows: list[Row]) -> None:
        """Take the verdicts out of a run, and ask for another run where it left some open."""
        if not rows or rows[0]["outcome"] != "passed":  # no kernel: nothing that a learner did
            self.tries += 1
            if self.tries > 1:
                self._give_up(job.judged)
            else:
                self.jobs.append(job)
            return
        broken, trouble = first_trouble(job, rows)
        order = [SETUP, *(exercise.id for exercise in self.sheet.exercises)]
        for name in job.judged:
            if broken is None or order.index(name) < order.index(broken):
                self._conclude(self.sheet.exercise(name), [row for row in rows if row.get("exercise") == name])
        if broken in job.judged:
            alone = job.replaced | {name for name in order[1:] if name != broken}
            others = any(row["exercise"] != broken for row in rows if row["role"] in LEARNERS)
            if trouble == "died" and others and alone != job.replaced:
                # Something that an earlier answer left running may have ended the kernel: see how it does alone.
                self.jobs.append(Job(self.submission, (str(broken),), alone))
            else:
                own = [row for row in rows if row.get("exercise") == broken]
                self._conclude(self.sheet.exercise(str(broken)), own)
        rest = tuple(name for name in job.judged if broken is not None and order.index(name) > order.index(broken))
        if rest and broken is not None and broken not in job.replaced:
            self.jobs.append(Job(self.submission, rest, job.replaced | {broken}))
        elif rest:
            self._give_up(rest)

    def _give_up(self, names: Sequence[str]) -> None:
        for name in names:
            exercise = self.sheet.exercise(name)
            text = "The grader could not run this exercise. Run python -m cai_helpers doctor, then grade again."
            self.found[name] = Result(self.submission.path, name, ERROR, text, exercise.title, exercise.xp)

    def _conclude(self, exercise: Exercise, rows: list[Row]) -> None:
        submission = self.submission
        answers = submission.answers(exercise)
        text = "\n".join(cell.source for cell in answers) if answers else None
        found = {row["key"]: row for row in rows if row["role"] == "check"}
        outcomes = [outcome(check, found[check.key]) for check in exercise.checks if check.key in found]
        mistakes = [row["key"] for row in rows if row["role"] == "mistake" and row.get("got") == "True"]
        if len(outcomes) < len(exercise.checks) and all(o.passed for o in outcomes):
            outcomes = []  # the kernel broke before the rest ran: what passed so far proves nothing
        verdict, message = conclude(exercise, outcomes, answer=text, begun=bool(answers), mistakes=mistakes)
        notes = look_at(rows, answers)
        if verdict == NOT_YET:
            message = broke(rows) or message
            notes += submission.notes.get(SETUP, []) + submission.notes.get(exercise.id, [])
        if verdict == NOT_STARTED:
            notes = [] if answers else ["There is no answer cell for this exercise in the file."]
        checks = [{"key": o.check.key, "passed": o.passed, "sentence": sentence(o)} for o in outcomes]
        cell = {"number": answers[0].number, "source": _excerpt(answers[0].source)} if answers else None
        self.found[exercise.id] = Result(
            submission.path, exercise.id, verdict, message, exercise.title, exercise.xp, checks, cell, notes
        )

    def _defined_elsewhere(self, exercise: Exercise) -> bool:
        """Whether a cell that is not known as an answer defines what the exercise asks for."""
        helpers = [own.cell for owns in self.submission.slots.values() for own in owns if not own.answer]
        return any(exercise.names & sources.defined_names(cell.source) for cell in helpers)


def _excerpt(source: str) -> str:
    lines = source.strip("\n").split("\n")
    return "\n".join(lines[:EXCERPT] + (["..."] if len(lines) > EXCERPT else []))


def default_jobs() -> int:
    """As many processes as there are cores, at most four."""
    return max(1, min(4, os.cpu_count() or 1))
