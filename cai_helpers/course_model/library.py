"""The bookshelf: the authored scenarios, read once, and found again by the text of a draft."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "library"


@dataclass(frozen=True)
class Entry:
    """One scenario. `revision` is None for a benign one; `violates` lists families per draft."""

    id: str
    kind: str
    family: str | None
    twin: str | None
    prompt: str
    phrasings: tuple[str, ...]
    drafts: tuple[str, ...]
    violates: tuple[tuple[str, ...], ...]
    revision: str | None


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """All scenarios, in the order of their files' names."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        for item in json.loads(path.read_text(encoding="utf-8")):
            drafts = item["drafts"]
            found.append(
                Entry(
                    item["id"],
                    item["kind"],
                    item.get("family"),
                    item.get("twin"),
                    item["prompt"],
                    tuple(item["phrasings"]),
                    tuple(d["text"] for d in drafts),
                    tuple(tuple(d["violates"]) for d in drafts),
                    item.get("revision"),
                )
            )
    return tuple(found)


def normal(text: str) -> str:
    """A text with its white space made plain, to compare drafts."""
    return " ".join(text.split())


@lru_cache(maxsize=1)
def _by_draft() -> dict[str, Entry]:
    return {normal(draft): entry for entry in entries() for draft in entry.drafts}


def of_draft(text: str) -> Entry | None:
    """The scenario that this draft was written for, or None."""
    return _by_draft().get(normal(text))
