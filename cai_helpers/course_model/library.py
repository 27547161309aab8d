"""The bookshelf: the authored scenarios, read once, and found again by the text of a draft or of a step.

A scenario of several rounds has steps: what the reviser gives for the draft, then for the first step, and so on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "data" / "library"


class Step(NamedTuple):
    """A revision that may break families itself."""

    text: str
    violates: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One scenario. `revision` is None for a benign one; `violates` lists families per draft.

    steps[0] is what the reviser gives for a draft, steps[1] for a text of steps[0], ...; where one holds several
    texts, the first time it is asked the first one, then the second, in turn. After the last step comes the
    `revision`, or with `again` the draft (0) or an earlier step (1, 2, ...) once more.
    """

    id: str
    kind: str
    family: str | None
    twin: str | None
    prompt: str
    phrasings: tuple[str, ...]
    drafts: tuple[str, ...]
    violates: tuple[tuple[str, ...], ...]
    revision: str | None
    steps: tuple[tuple[Step, ...], ...] = ()
    again: int | None = None

    def after(self, place: int, asked: int) -> str | None:
        """The revision of the draft (place 0) or of a step (1, 2, ...); `asked`: how often it was asked before."""
        if place < len(self.steps):
            turns = self.steps[place]
            return turns[asked % len(turns)].text
        if self.again is None:
            return self.revision
        return self.steps[self.again - 1][0].text if self.again else self.drafts[0]


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
                    tuple(map(_turns, item.get("steps", ()))),
                    item.get("again"),
                )
            )
    return tuple(found)


def _turns(item: Any) -> tuple[Step, ...]:
    """A step as the file has it: one text, or a list of those given in turn."""
    return tuple(Step(s["text"], tuple(s["violates"])) for s in (item if isinstance(item, list) else [item]))


def normal(text: str) -> str:
    """A text with its white space made plain, to compare drafts."""
    return " ".join(text.split())


@lru_cache(maxsize=1)
def _by_text() -> dict[str, tuple[Entry, int]]:
    """Every draft (place 0) and every step (place 1, 2, ...)."""
    found = {}
    for entry in entries():
        found.update({normal(draft): (entry, 0) for draft in entry.drafts})
        for place, turns in enumerate(entry.steps, start=1):
            found.update({normal(step.text): (entry, place) for step in turns})
    return found


def of_draft(text: str) -> Entry | None:
    """The scenario that this draft or step was written for, or None."""
    return _by_text().get(normal(text), (None, 0))[0]


def revision_of(text: str, asked: int = 0) -> str | None:
    """The authored revision of a draft or a step, or None. `asked`: how often the same request came before."""
    entry, place = _by_text().get(normal(text), (None, 0))
    return entry.after(place, asked) if entry else None
