"""The label reader: which line of a message opens a section, by a heading, a label, a letter or "Q:"."""

from __future__ import annotations

import re

from . import slots
from .slots import Section

RULER = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|#{3,}|={3,}|_{3,}|<{3,}|>{3,}|\[(?:BEGIN|END|START)[^\]]*\])\s*$", re.I)


QA = re.compile(r"^[ \t]*\**([QA])\**[:.]\s+(\S.*)$", re.M)


_HEADING = re.compile(
    r"^[ \t]*(?:#{1,6}\s+(.+?)\s*#*|\*\*([^*]+?)\*\*:?|__([^_]+?)__:?|={2,}\s*([^=]+?)\s*={2,}|"
    r"-{2,}\s*(\w[^-]*?)\s*-{2,}|\[([A-Za-z][A-Za-z ]+)\]:?)\s*$"
)


_CAPITALS = re.compile(r"^[ \t]*([A-Z][A-Z'/ ]{4,40})[ \t]*$")
_BOLD_LABEL = re.compile(
    r"^[ \t]*(?:[-*]\s+|\d{1,2}[.)]\s+|[^\w\s(\[<\"'*#>.-]+\s*)?\*\*([^*\n]{2,60}?):?\*\*:?[ \t]*(?=\S)(.*)$"
)


_LABEL = re.compile(
    r"^[ \t]*(?:[-*]\s+|\d{1,2}[.)]\s+|[^\w\s(\[<\"'*#>.-]+\s*)?([A-Za-z(\[][\w '\u2019(),/\[\]-]{0,70}?)\s*(?::|"
    r"\s=(?!=))\s*(.*)$"
)


_INLINE = re.compile(
    r"(?:(?<=[.!?;\"'\u201d)\]|])|(?<=\s[|/]))\s+((?:The |User |Draft |Candidate |Assistant |Proposed )?"
    r"(?:Response|Reply|Draft|Text|Answer|Output|Message|Principle|Rule|Policy|Prompt|Question|"
    r"Assistant|User|Critique|Request)(?: (?:to|of|under|being)(?: \w+){1,2})?)\s*:\s+"
)


OPTION = re.compile(r"^[ \t]*(?:[-*]\s+)?\**(?:\(([AB])\)|\[([AB])\]|([AB])[):.])\**\s+(\S.*)$", re.M)


def opening(line: str, current: Section, seen: set[str]) -> tuple[str, str, str] | None:
    """(slot, label, rest of the line) when this line opens a section."""
    inside = not current.fenced and current.slot in ("draft", "a", "b")
    option = OPTION.match(line)
    if option and "options" in seen and current.slot != "draft":
        return next(group for group in option.groups()[:3] if group).lower(), "", option.group(4)
    question = QA.match(line)
    if question and "questions" in seen and not inside:
        return ("prompt" if question.group(1) == "Q" else "draft"), "", question.group(2)
    heading = _HEADING.match(line) or _CAPITALS.match(line)
    if heading:
        label = next(group for group in heading.groups() if group)
        words = slots.plain(label).split()
        lenient = len(words) >= 3 or (len(words) == 2 and words[1] in slots.SLOT_OF)
        slot = slots.of_label(label, 1 if lenient else 0)
        if slot is None or (inside and slot == "draft" and not line.lstrip().startswith("#")):
            return None
        return slot, label, ""
    match = _BOLD_LABEL.match(line) or _LABEL.match(line)
    if not match:
        return None
    label, rest = match.group(1), match.group(2)
    slot = slots.of_label(label)
    if slot is None or (slot == "task" and "format" in label.lower()):
        return None
    if current.slot in ("critique", "kept", "principle") and slot == "principle" and line.lstrip()[:1] in "-*":
        return None  # a list item that happens to look like a label
    if slot == "principle" and line.lstrip()[:1] in "-*" and any(c.isdigit() for c in label):
        return None
    if slot == "prompt" and "transcript" in seen and slots.plain(label) == "human":
        return slot, label, rest
    if inside and (slot == "draft" or (slot in seen if slot in ("principle", "prompt") else slots.is_weak(label))):
        return None
    if current.slot == "critique" and slot in ("principle", "draft", "prompt") and current.text.strip():
        return None if slots.is_weak(label) else (slot, label, rest)
    return slot, label, rest


def split_inline(text: str) -> str:
    """Put a label that follows a sentence on the same line ("... harm. Response: ...") on a line of its own."""
    lines: list[str] = []
    for line in text.split("\n"):
        starts = _LABEL.match(line)
        if len(_INLINE.findall(line)) and (
            (starts and slots.of_label(starts.group(1)) not in (None, "draft")) or len(lines) == 0
        ):
            line = _INLINE.sub(lambda m: "\n" + m.group(1) + ": ", line)
        lines.append(line)
    return "\n".join(lines)
