"""`python -m cai_helpers rerecord FILE`: run the lessons against a model into a recording, and say what has changed.

A model that is retired, replaced or changed behind the same name answers otherwise. Two recordings of the same lessons
show where: which answers use other words, which verdicts turned, what is now refused.

Only what `connect()` answers is recorded. Cells that say connect("course", ...) stay with the course model, here too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from cai_helpers.recorded_streams import whole_of
from cai_helpers.recording import by_key
from cai_helpers.recording_file import Json, Recording, damage, load
from cai_helpers.verdict import parse_verdict
from cai_helpers.wire import WIRES, read_usage

CELL_SECONDS = 1800  # a live model takes its time, and a lesson's cell may ask it a hundred questions
SHOWN = 10
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "COMPATIBLE_API_KEY")


def rerecord_command(file: str, names: list[str], backend: str, model: str | None) -> int:
    """Run these lessons (all, without names) on this backend into FILE; an older FILE is kept under its date.

    Prints what changed. Returns 0; 1 where a cell failed or nothing was recorded, 2 for wrong use.
    """
    from cai_helpers.connection import connect
    from cai_helpers.errors import LLMError
    from cai_helpers.learning.manifest import CourseError

    path = Path(file).absolute()
    new = path.with_name(f"{path.stem}.new.jsonl")
    try:
        before = load(path)
        new.unlink(missing_ok=True)
        print(connect(backend, model=model, record=new))
        failed = run_lessons(names, new, backend, model)
    except (CourseError, LLMError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    after = load(new)
    print(*failed, *report(path.name, before, after), sep="\n")
    if not after["exchanges"]:
        return 1
    if path.exists():
        path.replace(free_name(path, first_date(before)))
    new.replace(path)
    return 1 if failed else 0


def run_lessons(names: list[str], record: Path, backend: str, model: str | None) -> list[str]:
    """Run the lessons in order, each in a kernel of its own; a sentence for each cell that fails."""
    from cai_helpers.learning import lessons, manifest

    course = manifest.load_course(manifest.find_root())
    settings = {"CAI_BACKEND": backend, "CAI_RECORD": str(record), "CAI_MODEL": model}
    taken = {name: os.environ.get(name) for name in (*KEYS, "CAI_MODEL", "CAI_BASE_URL")}
    added = {name: value for name, value in {**taken, **settings}.items() if value}
    environment = {**lessons.clean_environment(os.environ), **added}
    failed = []
    for chapter in lessons._chosen(course, names):
        print(chapter["name"], flush=True)
        failed += run_lesson(Path(course["root"]) / "notebooks" / f"{chapter['name']}.ipynb", environment)
    return failed


def run_lesson(path: Path, environment: dict[str, str]) -> list[str]:
    """Run one lesson to its end, whatever fails on the way. The file is not changed."""
    from cai_helpers.learning import lessons

    nbformat, notebook_client, _, dead_kernel, kernel_manager = lessons._machinery()
    node = nbformat.from_dict({**lessons.read_notebook(path), "nbformat": 4, "nbformat_minor": 5})
    place = {"metadata": {"path": str(path.parent)}}
    runner = notebook_client(node, km=kernel_manager, timeout=CELL_SECONDS, allow_errors=True, resources=place)
    try:
        runner.execute(env=environment, stderr=subprocess.DEVNULL)
    except (dead_kernel, TimeoutError) as error:
        return [f"{path.name} stopped: {type(error).__name__}."]
    return [
        f"{path.name}, cell {cell['id']!r} failed: {output['ename']}: {output['evalue']}"[:500]
        for cell in node.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "error" and "raises-exception" not in cell["metadata"].get("tags", [])
    ]


def free_name(path: Path, day: str) -> Path:
    """A name for an older recording: class.2026-11-21.jsonl, and with a number where that is taken."""
    numbers = ["", *(f".{n}" for n in range(2, 1000))]
    names = [path.with_name(f"{path.stem}.{day}{number}{path.suffix}") for number in numbers]
    return next(name for name in names if not name.exists())


# ------------------------------------------------------------ what changed


def report(name: str, before: Recording, after: Recording) -> list[str]:
    """The lines that say what was recorded and, where there is an older recording, what is different."""
    lines = [damage(Path(name), before), f"{name}: {described(after)}"]
    if before["exchanges"]:
        counts, examples = changes(before, after)
        lines += [f"Compared with {described(before)}", *(f"  {what:<34}{n:>6}" for what, n in counts.items())]
        lines += [f"  - {example}" for example in examples[:SHOWN]]
        lines += [f"  and {len(examples) - SHOWN} more"] if len(examples) > SHOWN else []
    return [line for line in lines if line]


def described(recording: Recording) -> str:
    """Date, models, exchanges and tokens of a recording in one line."""
    models = {row["model"]: None for row in recording["headers"]}
    usages = [read_usage(reply_of(exchange)) for exchange in recording["exchanges"]]
    tokens = {name: sum(usage[name] for usage in usages) for name in ("input_tokens", "output_tokens")}
    numbers = f"{len(usages)} exchanges, {tokens['input_tokens']} tokens in, {tokens['output_tokens']} out"
    return f"{first_date(recording)}, {', '.join(models) or 'no model named'}: {numbers}."


def first_date(recording: Recording) -> str:
    return next((row["date"] for row in recording["headers"] if is_date(row.get("date"))), "undated")


def is_date(text: Any) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except (TypeError, ValueError):
        return False


def changes(before: Recording, after: Recording) -> tuple[dict[str, int], list[str]]:
    """How many answers are the same, say it otherwise, or mean something else; and a line on each of the last kind."""
    old, new = comparable(before), comparable(after)
    names = ("same answer", "other words", "other verdict", "other ending", "new requests", "requests that are gone")
    counts, examples = dict.fromkeys(names, 0), []
    for place in old.keys() & new.keys():
        kind, turn = compared(old[place], new[place])
        counts[kind] += 1
        if turn:
            examples.append(f"{kind}: {turn}: {question_text(new[place])}")
    counts["new requests"], counts["requests that are gone"] = (
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
    )
    return counts, sorted(examples)


def comparable(recording: Recording) -> dict[tuple[str, int], Json]:
    """The exchanges by question and occurrence; the model and the API version are what is compared, so not in here."""
    rows = []
    for exchange in recording["exchanges"]:
        question = {**exchange["question"], "anthropic-version": None}
        question["body"] = {name: value for name, value in question["body"].items() if name != "model"}
        rows.append({**exchange, "question": question})
    return {(key, number): row for key, answers in by_key(rows).items() for number, row in answers.items()}


def compared(old: Json, new: Json) -> tuple[str, str]:
    """What kind of change this is, and for one that matters, from what to what."""
    (ending, text), (new_ending, new_text) = outcome(old), outcome(new)
    if ending != new_ending:
        return "other ending", f"{ending}, now {new_ending}"
    verdict, new_verdict = parse_verdict(text), parse_verdict(new_text)
    if verdict != new_verdict:
        return "other verdict", f"{verdict}, now {new_verdict}"
    return ("same answer" if text == new_text else "other words"), ""


def outcome(exchange: Json) -> tuple[str, str]:
    """How an answer ended ("usable", "refusal", "truncated", "empty"), and its text."""
    from cai_helpers.errors import LLMError

    try:
        return "usable", WIRES[exchange["question"]["wire"]]["read"](reply_of(exchange))
    except LLMError as error:
        return error.type, error.text


def reply_of(exchange: Json) -> Json:
    return exchange.get("reply") or whole_of(exchange["question"]["wire"], exchange["events"])


def question_text(exchange: Json) -> str:
    """The first words of what was asked."""
    messages = exchange["question"]["body"].get("messages")
    last = messages[-1] if isinstance(messages, list) and messages and isinstance(messages[-1], dict) else {}
    content = last.get("content", "")
    words = " ".join((content if isinstance(content, str) else json.dumps(content)).split())
    return f'"{words[:80]}{"..." if len(words) > 80 else ""}"'
