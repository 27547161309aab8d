"""Time of `python -m cai_helpers grade` beside nbclient, `nbgrader autograde` and a loop over `otter run`.

    python benchmarks/grading.py                       one submission, and 30 with two jobs
    python benchmarks/grading.py --peers VENV          ... and nbgrader and otter in that environment (made if missing)
    python benchmarks/grading.py --write               ... and benchmarks/grading.md

All tools get the same chapter, the same right answers and the same checks: a check is a recorded value here, an
`assert` in a nbgrader cell of one point, a doctest for otter. What is done once per chapter (nbgrader's
generate_assignment, otter's generate) is not in the times. Every command starts from nothing, as a teacher starts it.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cai_helpers.learning.exercises import Cell, Sheet, find_sheet  # noqa: E402
from cai_helpers.learning.runs import safe_environment  # noqa: E402
from tests.exercise_cases import cases_of  # noqa: E402

PEERS = ("nbgrader==0.9.6", "otter-grader==7.0.0", "ipykernel", "requests")
SUBMISSIONS, ROUNDS = 30, 5
NBCLIENT = """import sys, nbformat
from nbclient import NotebookClient
NotebookClient(nbformat.read(sys.argv[1], 4), kernel_name="python3", timeout=120).execute()"""


def answers(sheet: Sheet, count: int) -> list[dict[str, str]]:
    """For each submission {exercise: right answer}: the solution's and those of tests/answers/ in turn."""
    cases = cases_of(sheet)
    right = {
        found.id: [found.solution, *(case.source for case in cases if case.exercise == found.id and case.right)]
        for found in sheet.exercises
    }
    return [{name: texts[place % len(texts)] for name, texts in right.items()} for place in range(count)]


def notebook(cells: list[dict[str, Any]]) -> str:
    """A notebook file of code cells."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book)


def code(cell_id: str, source: str, **metadata: Any) -> dict[str, Any]:
    """A code cell that was not run."""
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


# --- The chapter for each tool ---


def for_us(sheet: Sheet, texts: dict[str, str]) -> str:
    """The notebook out of exercises/ with the answers written in."""
    book = json.loads((ROOT / "exercises" / f"{sheet.name}.ipynb").read_text("utf-8"))
    for cell in book["cells"]:
        facts = cell["metadata"].get("cai", {})
        if facts.get("role") == "answer":
            cell["source"] = texts[facts["key"].removesuffix(".answer")]
    return json.dumps(book)


def for_nbgrader(sheet: Sheet, texts: dict[str, str]) -> str:
    """Answer cells are solutions, every check is a locked cell of one point with an assert."""

    def facts(cell: Cell, **more: Any) -> dict[str, Any]:
        return {"nbgrader": {"grade_id": _id(cell), "schema_version": 3, "task": False, **more}}

    cells = [code("setup", sheet.setup.source)]
    for found in sheet.exercises:
        cells += [code(_id(part), part.source) for part in found.given]
        answer = facts(found.answer, grade=False, locked=False, solution=True)
        cells.append(code(_id(found.answer), texts[found.id], **answer))
        for check in found.checks:
            tree = ast.parse(check.source)
            last = tree.body.pop()
            assert isinstance(last, ast.Expr)
            tree.body.append(ast.parse(f"assert ({ast.unparse(last)}) == {check.recorded}").body[0])
            made = facts(check, grade=True, locked=True, solution=False, points=1)
            cells.append(code(_id(check), ast.unparse(tree), **made))
    return notebook(cells)


def for_otter(sheet: Sheet, texts: dict[str, str]) -> str:
    """Set-up, given and answer cells; otter brings the tests."""
    cells = [code("setup", sheet.setup.source)]
    for found in sheet.exercises:
        cells += [code(_id(part), part.source) for part in found.given]
        cells.append(code(_id(found.answer), texts[found.id]))
    return notebook(cells)


def otter_test(sheet: Sheet, number: str) -> str:
    """A test file of otter for one exercise, each check a doctest."""
    suite = {
        "cases": [{"code": doctest(c.source, c.recorded), "hidden": False} for c in sheet.exercise(number).checks],
        "scored": True,
        "setup": "",
        "teardown": "",
        "type": "doctest",
    }
    return f"OK_FORMAT = True\n\ntest = { ({'name': _test(number), 'points': None, 'suites': [suite]})!r}\n"


def doctest(source: str, expected: str) -> str:
    """The check as one doctest: its statements, then its value."""
    lines = []
    *before, last = ast.parse(source).body
    for statement in (*before, last):
        shown = "_ = " if isinstance(statement, ast.Expr) and statement is not last else ""  # no value but the last
        first, *more = (shown + ast.unparse(statement)).split("\n")
        lines += [f">>> {first}", *(f"... {line}".rstrip() for line in more)]
        if more and not isinstance(statement, ast.Expr):
            lines.append("...")
    return "\n".join([*lines, expected])


def _id(cell: Cell) -> str:
    return cell.key.replace(".", "-")


def _test(number: str) -> str:
    return f"q{number.replace('.', '_')}"


# --- Running ---


class Runner:
    """Runs commands in a clean environment and measures them."""

    def __init__(self, folder: Path, tools: Path | None = None):
        self.folder = folder
        self.environment = {**safe_environment(os.environ, folder), "PYTHONPATH": str(ROOT)}
        if tools is not None:  # nbgrader calls alembic by its name
            self.environment["PATH"] = os.pathsep.join([str(tools), self.environment.get("PATH", "")])
        del self.environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]

    def time(self, *command: str, cwd: Path | None = None, status: int = 0) -> float:
        """Wall seconds of a command. Raises RuntimeError with its words when it does not end with `status`."""
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
        if done.returncode != status:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"[-3000:])
        return seconds


def write_all(folder: Path, make: Callable[[dict[str, str]], str], texts: list[dict[str, str]]) -> list[Path]:
    """The submissions of one tool: folder/s00/answers.ipynb, ..."""
    paths = []
    for place, text in enumerate(texts):
        path = folder / f"s{place:02}" / "answers.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(make(text), "utf-8")
        paths.append(path)
    return paths


def ours(run: Runner, sheet: Sheet, texts: list[dict[str, str]]) -> dict[str, float]:
    """Seconds of nbclient on the reference, of grading one file, and of grading all with two jobs."""
    paths = write_all(run.folder / "ours", lambda text: for_us(sheet, text), texts)
    reference = str(ROOT / "solutions" / f"{sheet.name}.ipynb")
    grade = [sys.executable, "-m", "cai_helpers", "grade", "--json"]
    alone, one = [], []
    for _ in range(ROUNDS):  # in turn, so that what else the machine does meets both
        alone.append(run.time(sys.executable, "-c", NBCLIENT, reference))
        one.append(run.time(*grade, str(paths[0])))
    many = run.time(*grade, "--jobs", "2", str(run.folder / "ours"))
    return {"nbclient": median(alone), "grade": median(one), "grade 30": many}


def nbgrader(run: Runner, tools: Path, sheet: Sheet, texts: list[dict[str, str]]) -> dict[str, float]:
    """Seconds of `nbgrader autograde` for one and for all; every submission must get full marks."""
    course = run.folder / "nbgrader"
    source = course / "source" / "ps1" / "answers.ipynb"
    source.parent.mkdir(parents=True)
    source.write_text(for_nbgrader(sheet, texts[0]), "utf-8")
    (course / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "b"\n', "utf-8")
    command = str(tools / "nbgrader")
    run.time(command, "generate_assignment", "ps1", cwd=course)
    for place, text in enumerate(texts):
        path = course / "submitted" / f"s{place:02}" / "ps1" / "answers.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(for_nbgrader(sheet, text), "utf-8")
    one = [run.time(command, "autograde", "ps1", "--student", "s00", "--force", cwd=course) for _ in range(ROUNDS)]
    many = run.time(command, "autograde", "ps1", "--force", cwd=course)
    run.time(command, "export", cwd=course)
    with (course / "grades.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    full = sum(float(row["score"] or 0) == float(row["max_score"]) for row in rows)
    assert len(rows) == len(texts), f"{len(rows)} rows"
    return {"nbgrader": median(one), "nbgrader 30": many, "nbgrader full": full}


def otter(run: Runner, tools: Path, sheet: Sheet, texts: list[dict[str, str]]) -> dict[str, float]:
    """Seconds of `otter run` for one, and of a loop over all."""
    folder = run.folder / "otter"
    (folder / "tests").mkdir(parents=True)
    for found in sheet.exercises:
        (folder / "tests" / f"{_test(found.id)}.py").write_text(otter_test(sheet, found.id), "utf-8")
    command = str(tools / "otter")
    run.time(command, "generate", "-t", "tests", "-o", "autograder.zip", "--no-environment", cwd=folder)
    paths = write_all(folder / "in", lambda text: for_otter(sheet, text), texts)

    def one(path: Path) -> float:
        return run.time(command, "run", "-a", "autograder.zip", "-o", str(path.parent), str(path), cwd=folder)

    single = median([one(paths[0]) for _ in range(ROUNDS)])
    many = sum(one(path) for path in paths)
    full = 0
    for path in paths:
        tests = json.loads((path.parent / "results.json").read_text("utf-8"))["tests"]
        scored = [test for test in tests if test.get("max_score")]
        full += bool(scored) and all(test["score"] == test["max_score"] for test in scored)
    return {"otter": single, "otter 30": many, "otter full": full}


def make_environment(folder: Path) -> Path:
    """The environment of the peers, made when it is missing; gives its folder of commands."""
    tools = folder / ("Scripts" if os.name == "nt" else "bin")
    if not (tools / "nbgrader").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([str(tools / "python"), "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return tools


def table(found: dict[str, float], sheet: Sheet, load: tuple[float, float]) -> str:
    """The figures as Markdown."""
    rows = [("grade (nbval)", found["grade"], found["grade 30"], "two jobs")]
    if "nbgrader" in found:
        rows.append(("nbgrader autograde 0.9.6", found["nbgrader"], found["nbgrader 30"], "one process"))
    if "otter" in found:
        rows.append(("otter run 7.0.0", found["otter"], found["otter 30"], "a loop"))
    lines = [
        f"# Grading chapter {sheet.number}: {len(sheet.exercises)} exercises, "
        f"{sum(len(e.checks) for e in sheet.exercises)} checks",
        "",
        f"Made by `python benchmarks/grading.py --peers VENV --write`; Python {platform.python_version()}, "
        f"{os.cpu_count()} cores, load average {load[0]:.1f} before and {load[1]:.1f} after.",
        "",
        f"nbclient alone on the reference notebook: {found['nbclient']:.2f} s. One submission by `grade`: "
        f"{found['grade'] / found['nbclient']:.2f} times as long (median of {ROUNDS} each, in turn).",
        "",
        f"| tool | one submission, s | {SUBMISSIONS} submissions, s | how | `grade` takes |",
        "|---|---|---|---|---|",
    ]
    for name, one, many, how in rows:
        lines.append(f"| {name} | {one:.2f} | {many:.1f} | {how} | {found['grade 30'] / many:.2f} of it |")
    full = [f"{name}: {found[f'{name} full']:.0f}" for name in ("nbgrader", "otter") if name in found]
    if full:
        lines += [
            "",
            f"Submissions with full marks, of {SUBMISSIONS} right ones: {', '.join(full)}; `grade` ended with "
            "status 0, which means all.",
        ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Grading times.")
    parser.add_argument("--chapter", default="04")
    parser.add_argument("--peers", type=Path, metavar="VENV")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    sheet = find_sheet(given.chapter, ROOT)
    texts = answers(sheet, SUBMISSIONS)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        run = Runner(Path(name))
        found = ours(run, sheet, texts)
        if given.peers:
            tools = make_environment(given.peers.resolve())
            run = Runner(Path(name), tools)
            found.update(nbgrader(run, tools, sheet, texts))
            found.update(otter(run, tools, sheet, texts))
    text = table(found, sheet, (before, os.getloadavg()[0]))
    print(text)
    if given.write:
        (ROOT / "benchmarks" / "grading.md").write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
