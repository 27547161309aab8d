"""The letter opener: cuts a message into sections, each with the slot it fills and whether it is fenced.

Fenced means between an opening and a closing mark: tags, triple quotes or backticks. A tag with a suffix
(<draft-1a2b3c4d>) closes only with exactly the same tag; a plain <draft> closes at the first </draft>, so a
closing tag forged inside works, as it would in life. Headings and labels open sections that end at the next one.
"""

from __future__ import annotations

import re
import textwrap

from . import fences as fences_of
from . import labels, slots
from .slots import Section

_CLOSERS = {'"': '"', "\u201c": "\u201d", "'": "'", "\u2018": "\u2019", "\u00ab": "\u00bb"}
_CRITIC_TALK = re.compile(
    r"violat|principle|verdict|json|rewrite|revis|identify|critique|harmful|\bjudg|rule|evaluat|review|comply|pass\b",
    re.I,
)


def cut(text: str) -> list[Section]:
    """The message as sections in order; empty ones are dropped."""
    fences: list[Section] = []
    text = text.replace("\ue000", "\ufffd").replace("\ue001", "\ufffd")  # our own marks must not come from outside
    walked = _walk_lines(fences_of.lift_blocks(fences_of.lift_tags(text, fences), fences), fences)
    return [section for section in _fold_back(walked) if section.text.strip()]


def _walk_lines(text: str, fences: list[Section]) -> list[Section]:
    found: list[Section] = [Section(None, "")]
    seen: set[str] = {section.slot for section in fences if section.slot}
    if len(re.findall(r"^Human:", text, re.M)) > 1:
        seen.add("transcript")
    if {"Q", "A"} == {letter for letter, _ in labels.QA.findall(text)}:
        seen.add("questions")
    letters = {letter for match in labels.OPTION.findall(text) for letter in match[:3] if letter}
    if letters == {"A", "B"}:
        seen.add("options")
    for line in labels.split_inline(text).split("\n"):
        current = found[-1]
        mark = fences_of.MARK.search(line)
        if mark:
            _place_fence(found, fences[int(mark.group(1))], line, mark)
            continue
        if labels.RULER.match(line) and current.slot not in ("draft", "a", "b"):
            found.append(Section(None, ""))  # a line of dashes ends what came before
            continue
        opened = labels.opening(line, current, seen)
        if opened is None:
            if current.fenced:
                found.append(Section(None, line))
            elif current.slot == "principle" and not line.strip() and current.text.strip():
                current.text += "\n"
            else:
                current.text += ("\n" if current.text else "") + line
            continue
        slot, label, rest = opened
        seen.add(slot)
        found.append(Section(slot, "" if rest in ("|", ">", "|-", ">-") else rest, label=label))
    for section in found:
        if section.slot and not section.fenced:
            section.text = _undress(section.text)
    return _close_quotes(_end_principles(found))


def _place_fence(found: list[Section], fence: Section, line: str, mark: re.Match[str]) -> None:
    """A fence takes the slot of the label right above it when it has none of its own."""
    current = found[-1]
    before, after = line[: mark.start()], line[mark.end() :]
    if fence.slot == "material" and current.slot and not current.fenced and not (current.text + before).strip():
        fence = Section(current.slot, fence.text, True, current.label)
        found.pop()
    elif fence.slot == "material":
        last = (current.text + "\n" + before).strip().rsplit("\n", 1)[-1]
        slot = slots.of_label(last.rstrip(": "), 3) if last.endswith(":") and len(last) < 80 else None
        fence = Section(slot or "material", fence.text, True, last if slot else "")
    elif current.slot and not current.fenced and not current.text.strip():
        found.pop()
    if not found:
        found.append(Section(None, ""))
    if before.strip():
        found.append(Section(None, before))
    found.append(fence)
    found.append(Section(None, after.strip()))


def _undress(text: str) -> str:
    """Without rulers at its ends, without the indent that all its lines share (a YAML block)."""
    lines = text.split("\n")
    while lines and (labels.RULER.match(lines[-1]) or not lines[-1].strip()):
        lines.pop()
    while lines and (labels.RULER.match(lines[0]) or not lines[0].strip()):
        lines.pop(0)
    return textwrap.dedent("\n".join(lines)) if lines else ""


def _end_principles(found: list[Section]) -> list[Section]:
    """A principle given by a label ends at the blank line, unless the list goes on."""
    out = []
    for section in found:
        head, gap, rest = section.text.partition("\n\n")
        listed = re.match(r"\s*(?:[-*\u2022]|\d+[.)]|\w+:)\s", rest)
        if section.slot != "principle" or section.fenced or not gap or not head.strip() or listed:
            out.append(section)
        else:
            out += [Section("principle", head, label=section.label), Section(None, rest)]
    return out


def _close_quotes(found: list[Section]) -> list[Section]:
    """A section that opens with a quotation mark ends where that mark closes at the end of a line."""
    out = []
    for section in found:
        text = section.text.strip()
        closer = _CLOSERS.get(text[:1])
        if section.slot is None or section.fenced or not closer or section.slot in ("task", "critique", "kept"):
            out.append(section)
            continue
        end = _closing_quote(text, text[0], closer)
        if end is None:
            out.append(section)
        else:
            out += [Section(section.slot, text[1:end], label=section.label), Section(None, text[end + 1 :])]
    return out


def _closing_quote(text: str, opener: str, closer: str) -> int | None:
    ends = [m.start() for m in re.finditer(re.escape(closer) + r"[.,;]?[ \t]*(?=\n|$)", text) if m.start() > 0]
    balanced = [end for end in ends if text.count(opener, 1, end) % 2 == 0 or opener != closer]
    if balanced or ends:
        return (balanced or ends)[0]
    nearest = text.find(closer, 1)
    return nearest if nearest > 0 else None


def _fold_back(found: list[Section]) -> list[Section]:
    """An "instructions" section inside an un-fenced reply that never talks to a critic is part of the reply."""
    out: list[Section] = []
    for section in found:
        last = next((s for s in reversed(out) if s.text.strip()), None)
        if (
            section.slot == "task"
            and last is not None
            and last.slot == "draft"
            and not last.fenced
            and not _CRITIC_TALK.search(section.text)
        ):
            last.text += f"\n{section.label}:\n{section.text}"
        else:
            out.append(section)
    return out
