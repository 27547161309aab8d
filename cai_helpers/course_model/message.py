"""The sorted desk: a message cut into sections, with the parts that matter picked out of it."""

from __future__ import annotations

import json
from functools import lru_cache

from . import rulebook, sections, slots
from .rulebook import Principle
from .slots import Section


class Message:
    """The sections of one message in order; `parts` may be changed."""

    def __init__(self, parts: list[Section]) -> None:
        self.parts = parts

    def texts(self, slot: str) -> list[str]:
        """The texts of all sections of this slot."""
        return [part.text for part in self.parts if part.slot == slot]

    def joined(self, *wanted: str) -> str:
        """All texts of these slots in one."""
        return "\n\n".join(text.strip("\n") for slot in wanted for text in self.texts(slot))

    def loose(self) -> str:
        """Text without a slot and task sections: the instruction."""
        return "\n".join(part.text for part in self.parts if part.slot in (None, "task")).strip()

    def has(self, slot: str) -> bool:
        """Whether any section fills this slot."""
        return any(part.slot == slot for part in self.parts)

    def principles(self, slot: str = "principle") -> list[Principle]:
        """The principles of this slot; ids are numbered anew when they repeat."""
        found = []
        for part in self.parts:
            if part.slot == slot:
                read = rulebook.from_section(part.text)
                numbered = len(read) == 1 and not part.fenced and any(c.isdigit() for c in part.label)
                found += [Principle(part.label.strip(), read[0].text)] if numbered else read
        repeated = len({p.id for p in found}) < len(found)
        return [Principle(str(n), p.text) for n, p in enumerate(found, 1)] if repeated else found


def keep_latest(message: Message) -> None:
    """In a transcript with several exchanges (examples before the real one) only the last exchange counts."""
    starts = [n for n, part in enumerate(message.parts) if part.slot == "prompt" and not part.fenced]
    drafts = [n for n, part in enumerate(message.parts) if part.slot == "draft" and not part.fenced]
    if len(starts) > 1 and len(drafts) > 1 and drafts[-1] > starts[-1] > drafts[0]:
        message.parts = [p for n, p in enumerate(message.parts) if n >= starts[-1] or p.slot in ("principle", "kept")]
    revised = [p for p in message.parts if p.slot == "draft" and slots.plain(p.label).startswith("revis")]
    if revised:
        message.parts = [p for p in message.parts if p.slot != "draft" or p is revised[-1]]


@lru_cache(maxsize=256)
def _cut(text: str) -> tuple[Section, ...]:
    return tuple(_json_sections(text) or sections.cut(text))


def read(text: str) -> Message:
    """The message behind a text: JSON with slots as keys, or running text."""
    return Message([Section(p.slot, p.text, p.fenced, p.label) for p in _cut(text)])


def _json_sections(text: str) -> list[Section] | None:
    """A message that is a JSON object with slots as keys ({"principle": ..., "response": ...})."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        data = json.loads(text[start : end + 1])
    except ValueError:
        return None
    if not isinstance(data, dict) or "draft" not in {slots.of_name(str(key)) for key in data}:
        return None
    if not any(isinstance(v, str) and len(v) > 25 for k, v in data.items() if slots.of_name(str(k)) == "draft"):
        return None
    found = [Section(None, text[:start]), Section(None, text[end + 1 :])]
    for key, value in data.items():
        content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        found.append(Section(slots.of_name(str(key)), content, True, str(key)))
    return [part for part in found if part.text.strip()]
