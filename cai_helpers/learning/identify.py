"""Which cell of the reference a learner's cell is: by metadata key, tag, cell id, marker line, exact source."""

from __future__ import annotations

import re

from .exercises import Sheet
from .loading import LearnerCell

MARKER = re.compile(r"^[ \t]*#+[ \t]*ANSWER[ \t]+(\d\d\.\d+)\b", re.MULTILINE | re.IGNORECASE)
KEY = re.compile(r"(\d\d)\.(?:\d+\.)?[a-z]+\d*")


def identify(cell: LearnerCell, sheet: Sheet) -> list[str]:
    """The reference keys of a learner's cell; [] for one of their own. Two keys when two answers were merged."""
    keys = {part.key for part in sheet.cells}
    answers = {exercise.id: exercise.answer.key for exercise in sheet.exercises}
    marked = list(dict.fromkeys(answers[n] for n in MARKER.findall(cell.source) if n in answers))
    named = [key for key in named_keys(cell) if key in keys or _is_built(key, sheet)]
    if named:
        role = next((part.role for part in sheet.cells if part.key == named[0]), "given")
        if marked and (role != "answer" or named[0] in marked):
            return marked  # an answer that was merged into a check, or two answers in one cell
        return named[:1]
    if marked:
        return marked
    if cell.kind != "code":
        return []
    text = cell.source.strip()
    return [part.key for part in sheet.cells if part.role != "answer" and part.source.strip() == text][:1]


def named_keys(cell: LearnerCell) -> list[str]:
    """Keys by metadata, tag and id, the surest first."""
    facts = cell.metadata.get("cai")
    tags = cell.metadata.get("tags")
    found = [facts.get("key")] if isinstance(facts, dict) else []
    if isinstance(tags, list):
        found += [tag[4:] for tag in tags if isinstance(tag, str) and tag.startswith("cai:")]
    found.append(re.sub(r"^(\d\d)-(?:(\d+)-)?", lambda m: f"{m[1]}." + (f"{m[2]}." if m[2] else ""), cell.id))
    return [key for key in found if isinstance(key, str) and KEY.fullmatch(key)]


def _is_built(key: str, sheet: Sheet) -> bool:
    """Whether a key is one of this chapter's that stands in exercises/ only: the task, check(...), progress()."""
    return key.startswith(f"{sheet.number}.") and bool(re.search(r"\.(task|ask|progress|title)$", key))
