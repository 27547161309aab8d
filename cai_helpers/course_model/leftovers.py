"""The sifter: finds instructions at the end of un-fenced material, and a reply that nobody labelled."""

from __future__ import annotations

import re
from collections.abc import Callable

from . import instruction, rulebook
from .message import Message
from .slots import Section


def _orders_revision(text: str) -> bool:
    return instruction.wishes(text).revision


# Critics' words talk about principles themselves; only an order to rewrite ends them.
_LEAVES = {"a": instruction.asks_to_choose, "b": instruction.asks_to_choose, "critique": _orders_revision}


def peel(reading: Message) -> None:
    """Take the instructions off the end of un-fenced material that no heading separates from them."""
    for index, part in enumerate(list(reading.parts)):
        if part.fenced or part.slot not in ("draft", "prompt", "principle", "critique", "a", "b", "material"):
            continue
        later = any(
            p.slot in ("task", None) and instruction.talks_to_critic(p.text) for p in reading.parts[index + 1 :]
        )
        leaves = _LEAVES.get(part.slot, instruction.talks_to_critic)
        kept, peeled = _split_end(part.text, later, leaves)
        if peeled and kept.strip():
            part.text = kept
            reading.parts.insert(reading.parts.index(part) + 1, Section(None, peeled))


def _split_end(text: str, strict: bool, leaves: Callable[[str], bool]) -> tuple[str, str]:
    """(material, instruction after it). `strict`: an instruction stands elsewhere, so only whole paragraphs go."""
    pieces = re.split(r"(\n\s*\n)", text)
    cut = len(pieces)
    while cut > 1 and leaves(pieces[cut - 1]):
        cut -= 2
    if cut < len(pieces) and cut > 0:
        return "".join(pieces[:cut]), "".join(pieces[cut:])
    if strict:
        return text, ""
    units = re.split(r"((?<=[.!?\"'])\s+|\n)", text)
    cut = len(units)
    while cut > 1 and leaves(units[cut - 1]) and not _is_rule(units[cut - 1]):
        cut -= 2
    return "".join(units[:cut]), "".join(units[cut:])


def _is_rule(text: str) -> bool:
    return rulebook.looks_like_one(text) and "?" not in text


def find_loose_draft(reading: Message, system_role: bool, own: instruction.Wishes) -> None:
    """A reply without a label: what is left of the message when instructions and principles are taken out."""
    if reading.has("material"):
        return
    if not (system_role or own.meta):
        return
    if not own.verdict and not own.revision and system_role and not reading.has("principle"):
        listed = [p for p in reading.parts if p.slot is None]
        if listed and not _leading_rules(reading, listed):
            for part in reading.parts:
                part.slot = part.slot or "draft"
        return
    units = [part for part in reading.parts if part.slot is None]
    fresh: list[Section] = []
    for part in units:
        fresh += _sort_units(part.text)
    if any(piece.slot == "draft" for piece in fresh):
        reading.parts = [p for p in reading.parts if p.slot is not None] + fresh


def _leading_rules(reading: Message, listed: list[Section]) -> bool:
    """ "Check: rule\\nrule\\nreply": the first lines are principles, the rest is the reply."""
    text = re.sub(
        r"^\s*(?:please )?(?:check|principles?|rules?)\s*(?:against|for|these)?\s*:\s*", "", listed[0].text, flags=re.I
    )
    lines = text.split("\n")
    count = 0
    while count < len(lines) and (not lines[count].strip() or rulebook.looks_like_one(lines[count])):
        count += 1
    if not any(line.strip() for line in lines[:count]) or not any(line.strip() for line in lines[count:]):
        return False
    reading.parts.remove(listed[0])
    reading.parts += [Section("principle", "\n".join(lines[:count])), Section("draft", "\n".join(lines[count:]))]
    return True


_QUOTED = re.compile(r"[\"\u201c]([^\"\u201c\u201d]{15,})[\"\u201d]")


def _sort_units(text: str) -> list[Section]:
    """Paragraphs (or sentences, or quotations of a single one) as instruction, principle or draft."""
    paragraphs = [p for p in re.split(r"\n\s*\n", text) if p.strip()]
    if len(paragraphs) == 1 and "\n" in text.strip():
        paragraphs = [p for p in text.split("\n") if p.strip()]
    if len(paragraphs) > 1:
        sorted_ones = [
            Section(None if instruction.talks_to_critic(p) or re.fullmatch(r".{0,60}:\s*", p.strip()) else "draft", p)
            for p in paragraphs
        ]
        rules = [s for s in sorted_ones if s.slot == "draft"]
        if len(rules) > 1:
            for section in rules[:-1]:
                if not rulebook.looks_like_one(section.text):
                    break
                section.slot = "principle"
        return sorted_ones
    quotes = [m.group(1) for m in _QUOTED.finditer(text) if not rulebook.looks_like_one(m.group(1))]
    if quotes:
        return [Section("draft", max(quotes, key=len)), Section(None, text.replace(max(quotes, key=len), " "))]
    return [Section(None, text)]
