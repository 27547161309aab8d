"""The card reader: finds the principles in a section, a JSON list or a sentence of the instruction."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from typing import NamedTuple


class Principle(NamedTuple):
    """`id` is the learner's own name for it, or its number as text."""

    id: str
    text: str


_ITEM = re.compile(r"^[ \t]*(?:[-*\u2022+]\s+|\(?(\d{1,2}|[a-z])[.):]\s+)(.*)$")
_IDENTIFIER = re.compile(
    r"^[ \t]*[\[(\"'*`]*([A-Za-z][\w.-]{0,40}(?: \d{1,2})?)[\])\"'*`]*\s*"
    r"(?::|\s[-\u2013\u2014=]|=)\s*(.{8,})$",
    re.S,
)
_MODAL = re.compile(
    r"\b(?:must|should|shall|may|can|will) (?:not|never)\b|\bmust\b|\bshould\b|\bnever\b|"
    r"\bdo(?:es)? not\b|\bdon't\b|\bcannot\b|\bcan't\b|\bavoid|\bno \w+|\bforbidden\b|\bprohibited\b|"
    r"\bnot allowed\b|\balways\b|"
    r"^[ \t]*(?:stay|maintain|keep|be|remain|refuse|protect|respect|ensure|treat)\b",
    re.I,
)
_META = re.compile(
    r"instructions? (?:in|inside|within)|inside (?:the )?(?:tags|it)|json|verdict|quote|explain|"
    r"\bin one or two|violated|output|strict|one sentence|nothing else|your (?:task|job|answer)|"
    r"word for word",
    re.I,
)
_AFTER_WORD = re.compile(
    r"\b(?:principle|rule|policy|guideline|constitution|criterion|standard|requirement)s?\b"
    r"[^.:?!\n\"'\u201c`]{0,40}?(?::|\bis that\b|\bsays(?: that)?\b|(?=[\"'\u201c`]))\s*",
    re.I,
)
_QUOTED = re.compile(
    r"[\"\u201c`]([^\"\u201c\u201d`]{12,})[\"\u201d`]|"
    r"(?<![A-Za-z])'([^'\n]{12,}(?:'[a-z][^'\n]*)*)'(?![A-Za-z])"
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|\n|$)")


def looks_like_one(text: str) -> bool:
    """Whether a sentence reads like a principle: it forbids or demands something of a reply."""
    return bool(_MODAL.search(text)) and not _META.search(text) and len(text) < 400


def from_section(text: str) -> list[Principle]:
    """The principles in a section: JSON, tags, a list with or without ids, lines, or one text."""
    data = _data(text)
    if data is not None:
        return data
    tagged = re.findall(r"<(principle|rule|item|text|li)\b([^>]*)>(.*?)</\1>", text, re.S)
    if tagged:
        return [_named(inner, _attribute(attributes) or str(n)) for n, (_, attributes, inner) in enumerate(tagged, 1)]
    lines = [line for line in text.split("\n") if line.strip()]
    items = _list_items(lines)
    if items:
        return items
    if len(lines) > 1 and all(_starts_new(line) for line in lines):
        return [_named(line, str(n)) for n, line in enumerate(lines, 1)]
    joined = " ".join(text.split())
    return [_named(joined, "1")] if joined else []


def _starts_new(line: str) -> bool:
    """A line that can stand alone: a capital or an id first, and a modal somewhere."""
    return looks_like_one(line) and (line.strip()[:1].isupper() or bool(_IDENTIFIER.match(line)))


def _attribute(attributes: str) -> str:
    found = re.search(r"\b(?:id|name)\s*=\s*[\"']?([\w.-]+)", attributes)
    return found.group(1) if found else ""


def _list_items(lines: list[str]) -> list[Principle]:
    items: list[tuple[str, str]] = []
    for line in lines:
        match = _ITEM.match(line)
        if match:
            items.append((match.group(1) or "", match.group(2)))
        elif items and line[:1] in (" ", "\t"):
            items[-1] = (items[-1][0], items[-1][1] + " " + line.strip())
        elif items and looks_like_one(line):
            items.append(("", line))
        elif items:
            break
        elif not line.rstrip().endswith(":"):
            return []
    return [_named(text, number or str(n)) for n, (number, text) in enumerate(items, 1) if text.strip()]


def _named(text: str, fallback: str) -> Principle:
    """Split "rule_1: Never ..." into id and text."""
    text = " ".join(text.split()).strip()
    match = _IDENTIFIER.match(text)
    if match and not re.match(r"(?:never|always|do|not?|please|note|important)$", match.group(1), re.I):
        return Principle(match.group(1).strip(), match.group(2).strip().strip("\"'*"))
    return Principle(fallback, text.strip("\"'*` "))


def _data(text: str) -> list[Principle] | None:
    """Principles given as JSON or as a Python literal, or None."""
    stripped = text.strip().rstrip(",")
    if stripped[:1] not in ("[", "{"):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return _from_value(read(stripped))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def _from_value(value: object) -> list[Principle] | None:
    if isinstance(value, dict):
        inner = next((v for k, v in value.items() if isinstance(v, (list, dict)) and k != "tags"), None)
        if inner is not None and not any(isinstance(v, str) for v in value.values()):
            return _from_value(inner)
        if any(key in value for key in ("text", "principle", "rule", "description")):
            return _from_value([value])
        return [Principle(str(k), str(v)) for k, v in value.items() if isinstance(v, str)]
    if not isinstance(value, list):
        return None
    found = []
    for number, item in enumerate(value, 1):
        if isinstance(item, str):
            found.append(_named(item, str(number)))
        elif isinstance(item, dict):
            text = next((item[k] for k in ("text", "principle", "rule", "description") if item.get(k)), "")
            found.append(Principle(str(item.get("id") or item.get("name") or number), str(text)))
    return found


def in_sentences(text: str, families_of: Callable[[str], list[str]]) -> list[Principle]:
    """Principles that stand in running instructions: after "rule:", in quotes, or as a sentence of their own."""
    for match in _AFTER_WORD.finditer(text):
        rest = text[match.end() :]
        quoted = _QUOTED.match(rest.lstrip())
        if quoted:
            return [Principle("1", (quoted.group(1) or quoted.group(2)).strip())]
        block = rest.split("\n\n", 1)[0]
        items = _list_items([line for line in block.split("\n") if line.strip()])
        if items:
            return items
        found = _leading_sentences(block)
        if found:
            return [Principle("1", found)]
    quoted_ones = [" ".join((q[0] or q[1]).split()) for q in _QUOTED.findall(text)]
    good = [q for q in quoted_ones if looks_like_one(q)]
    if good:
        return [Principle(str(n), q) for n, q in enumerate(good, 1)]
    sentences = [" ".join(s.split()) for s in _SENTENCE.findall(text) if s.strip()]
    for strict in (True, False):
        kept = [s for s in sentences if (looks_like_one(s) if strict else not _META.search(s)) and families_of(s)]
        if kept:
            return [Principle("1", " ".join(kept))]
    return []


def _leading_sentences(block: str) -> str:
    """The sentences right after "rule:" up to the first that talks to the critic."""
    kept: list[str] = []
    for sentence in _SENTENCE.findall(block.split("\n")[0]):
        if _META.search(sentence) or (kept and not looks_like_one(sentence)):
            break
        kept.append(sentence.strip())
    return " ".join(kept)
