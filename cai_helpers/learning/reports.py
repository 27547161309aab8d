"""Reports of `python -m cai_helpers grade`: text for a terminal, JSON, CSV for a spreadsheet, one HTML page.

All say the same: exercise, verdict in words, the learner's own cell, and what to look at.
"""

from __future__ import annotations

import csv
import html
import io
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from .grade import Result, default_jobs, exit_status, grade
from .verdicts import CORRECT, ERROR, NOT_STARTED, NOT_YET

ORDER = (CORRECT, NOT_YET, NOT_STARTED, ERROR)
COLUMNS = ("file", "exercise", "title", "verdict", "xp", "checks_passed", "checks", "cell", "message", "look_at")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a }
table { border-collapse: collapse } th, td { border: 1px solid #767676; padding: .3rem .6rem; text-align: left }
td { vertical-align: top }
.correct { background: #e3f4e3 } .not-yet { background: #fff1d6 } .error { background: #fbe3e3 }
pre { background: #f4f4f4; padding: .5rem; overflow-x: auto } section { margin: 2rem 0 }
"""


def grade_command(paths: Sequence[str], form: str = "text", output: str | None = None, jobs: int | None = None) -> int:
    """Grade and report. form: "text", "json", "csv" or "html". Returns the exit status of grade.exit_status."""
    if output and Path(output).suffix == ".ipynb":
        print(f"{output} is a notebook: the report would overwrite it. Name another file.", file=sys.stderr)
        return 2
    results = grade(paths, jobs=jobs if jobs and jobs > 0 else default_jobs())
    report = {"text": as_text, "json": as_json, "csv": as_csv, "html": as_html}[form](results)
    if output:
        try:
            Path(output).write_text(report, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            print(f"{output} cannot be written: {error.strerror or error}.", file=sys.stderr)
            return 2
        print(summary(results))
    else:
        if hasattr(sys.stdout, "reconfigure"):  # a terminal that knows fewer letters must not stop the report
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        sys.stdout.write(report)
    return exit_status(results)


def as_text(results: Sequence[Result]) -> str:
    """One block for each file; the verdict stands in words behind the exercise."""
    if not results:
        return "Nothing to grade: no notebook was found.\n"
    lines: list[str] = []
    for file, part in groupby(results, lambda result: result.file):
        group = list(part)
        right = sum(result.verdict == CORRECT for result in group)
        whole = [result for result in group if not result.exercise]
        lines += [f"{file}: {whole[0].verdict}" if whole else f"{file}: {right} of {len(group)} correct"]
        for result in group:
            lines += [f"  {line}" for line in _lines(result)]
        lines.append("")
    return "\n".join([*lines, summary(results), ""])


def as_json(results: Sequence[Result]) -> str:
    """A list of objects with file, exercise, verdict, message and what else a Result holds."""
    return json.dumps([asdict(result) for result in results], indent=1, ensure_ascii=False) + "\n"


def as_csv(results: Sequence[Result]) -> str:
    """One row for each exercise of each file. No field can be taken for a formula."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        passed = sum(bool(check["passed"]) for check in result.checks)
        cell = result.cell["number"] if result.cell else ""
        row = [result.file, result.exercise, result.title, result.verdict, _earned(result), passed, len(result.checks)]
        writer.writerow([_safe(value) for value in [*row, cell, result.message, " ".join(result.look_at)]])
    return out.getvalue()


def as_html(results: Sequence[Result]) -> str:
    """One page without scripts and without anything from outside: a table of all files, then each file's exercises."""
    files = [(file, list(part)) for file, part in groupby(results, lambda result: result.file)]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><title>Graded exercises</title>',
        f"<style>{STYLE}</style></head><body>",
        f"<h1>Graded exercises</h1><p>{html.escape(summary(results))}</p>",
        _overview(files),
        *(_section(place, file, group) for place, (file, group) in enumerate(files)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def summary(results: Sequence[Result]) -> str:
    """One line: "3 exercises in 2 files: 1 correct, 2 not yet."."""
    graded = [result for result in results if result.exercise]
    count = Counter(result.verdict for result in results)
    said = ", ".join(f"{count[verdict]} {verdict}" for verdict in ORDER if count[verdict]) or "nothing graded"
    files = len({result.file for result in results})
    return f"{_number(len(graded), 'exercise')} in {_number(files, 'file')}: {said}."


def _number(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _lines(result: Result) -> list[str]:
    if not result.exercise:
        return [result.message]
    lines = [f"{result.exercise} {result.title}: {result.verdict}"]
    if result.verdict == CORRECT:
        return lines
    lines.append(f"    {_without_verdict(result)}")
    if result.cell and result.verdict != NOT_STARTED:
        first = next((line for line in result.cell["source"].split("\n") if line.strip()), "")
        lines.append(f"    your answer: cell {result.cell['number']} ({first.strip()[:60]})")
    return [*lines, *(f"    look at: {said}" for said in result.look_at)]


def _without_verdict(result: Result) -> str:
    """The message without the verdict that stands in front of it already."""
    for start in ("Not yet: ", "Not started. ", "Correct. "):
        text = result.message.removeprefix(start)
        if text != result.message:
            return text[:1].upper() + text[1:]
    return result.message


def _earned(result: Result) -> int:
    return result.xp if result.verdict == CORRECT else 0


def _safe(value: object) -> object:
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else value


def _overview(files: Sequence[tuple[str, list[Result]]]) -> str:
    names = sorted({result.exercise for _, group in files for result in group if result.exercise}, key=_by_number)
    head = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in names)
    rows = []
    for place, (file, group) in enumerate(files):
        found = {result.exercise: result for result in group}
        cells = "".join(_verdict_cell(found.get(name) or found.get("")) for name in names)
        link = f"<a href='#file-{place}'>{html.escape(file)}</a>"
        xp = sum(_earned(result) for result in group)
        rows.append(f"<tr><th scope='row'>{link}</th>{cells}<td>{xp}</td></tr>")
    return f"<table><tr><th scope='col'>File</th>{head}<th scope='col'>xp</th></tr>{''.join(rows)}</table>"


def _verdict_cell(result: Result | None) -> str:
    if result is None:
        return "<td></td>"
    return f"<td class='{result.verdict.replace(' ', '-')}'>{result.verdict}</td>"


def _by_number(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())


def _section(place: int, file: str, group: Sequence[Result]) -> str:
    parts = [f"<section id='file-{place}'><h2>{html.escape(file)}</h2>"]
    for result in group:
        title = f"{result.exercise} {result.title}: {result.verdict}" if result.exercise else result.verdict
        parts.append(f"<h3 class='{result.verdict.replace(' ', '-')}'>{html.escape(title)}</h3>")
        parts.append(f"<p>{html.escape(_without_verdict(result))}</p>")
        if result.checks:
            items = [
                f"<li>{'passed' if c['passed'] else 'failed'}: {html.escape(c['sentence'])}</li>" for c in result.checks
            ]
            parts.append(f"<ul>{''.join(items)}</ul>")
        if result.cell and result.verdict != NOT_STARTED:
            parts.append(f"<p>Cell {result.cell['number']}:</p><pre>{html.escape(result.cell['source'])}</pre>")
        parts += [f"<p>Look at: {html.escape(said)}</p>" for said in result.look_at]
    return "\n".join([*parts, "</section>"])
