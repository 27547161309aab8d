"""The reviser: takes the offending sentences out of a draft, keeps the rest, puts a safe alternative in.

A draft from the library gets its authored revision, or the next step of a scenario of several rounds. Any other
draft is cut sentence by sentence: what a critique quotes goes, everything else stays word for word, line structure too.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from . import library, lookup
from .chance import Roll
from .rulebook import looks_like_one
from .switches import Switches
from .understand import Task

_PATH = Path(__file__).parent / "data" / "alternatives.json"
_QUOTED = re.compile(
    r"\"([^\"\n]{4,})\"|\u201c([^\u201d\n]{4,})\u201d|\u00ab([^\u00bb\n]{4,})\u00bb|`([^`\n]{4,})`|"
    r"(?<![\w])'([^'\n]{8,}(?:'[a-z][^'\n]*)*)'(?!\w)|^[ \t]*>\s*(.{4,})$|"
    r"^[ \t]*[-*\d.)\s]*\**(?:Quote|Evidence|Excerpt)\**:\**\s*(.{4,}?)\s*$",
    re.M,
)
_SENTENCE = re.compile(r"\S.*?(?:[.!?]+[\"'\u201d)*_]*(?=\s|$)|$)", re.S)
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*\u2022]|\d+[.)]|[a-zA-Z][.)])\s+")
_PRINCIPLE_LINE = re.compile(r"^[ \t]*(?:[-*\u2022]\s+)?(?:\**Principle[^:*\n]*:?\**:?\s*)?(.+)$")
USEFUL_WORDS = 4  # fewer kept words than this are no reply


class Offence(NamedTuple):
    """Words to take out of the draft, and the family they break (None when it is not known)."""

    quote: str
    family: str | None


@lru_cache(maxsize=1)
def alternatives() -> dict[str, dict[str, list[str]]]:
    """The authored safe sentences: instead (in place of a sentence), alone (a whole reply), careless (slips)."""
    data: dict[str, dict[str, list[str]]] = json.loads(_PATH.read_text(encoding="utf-8"))
    return data


def revise(task: Task, switches: Switches, roll: Roll) -> str:
    """The rewritten draft; unchanged when the critiques name nothing to take out."""
    if task.dictated and switches.injectable:
        return task.draft
    offences = offences_in(task)
    return rewrite(task, offences, switches, roll) if offences else task.draft


def rewrite(task: Task, offences: list[Offence], switches: Switches, roll: Roll) -> str:
    """The task's draft without the offences, by a reviser of the set temper."""
    if switches.reviser == "stubborn":
        return _patch(task.draft, offences, task.prompt, roll, leave_last=True)
    clean = library.revision_of(task.draft, task.asked) or _patch(task.draft, offences, task.prompt, roll)
    if switches.reviser == "careless":
        return _careless(clean, {offence.family for offence in offences}, roll)
    if switches.reviser == "verbose":
        return (
            "I have revised the response because the critique found that it violated the principle.\n\n"
            f"{clean}\n\nThe violation that the critic named is gone now."
        )
    return clean


def offences_in(task: Task) -> list[Offence]:
    """What the critiques quote from the draft; without usable quotes, what the named principles find in it."""
    from .judge import families_of, judge

    named = [p.text for p in task.principles] or _named_principles(task.critiques)
    families = [family for text in named for family in families_of(text)]
    found: list[Offence] = []
    for text in named:
        found += [Offence(f["quote"], f["family"]) for f in judge(task.draft, text, task.prompt)["findings"]]
    quoted = [quote for quote in _quotes(task.critiques) if locate(task.draft, quote)]
    if not quoted:
        if task.critiques.strip() and not _only_violated(task.critiques).strip():
            return []  # a critique that finds nothing leaves nothing to do
        return found if task.principles or _says_violated(task.critiques) else []
    by_place = [(locate(task.draft, offence.quote), offence.family) for offence in found]
    offences = []
    for quote in quoted:
        spot = locate(task.draft, quote)
        near = next(
            (family for place, family in by_place if place and spot and place[0] < spot[1] and spot[0] < place[1]), None
        )
        offences.append(Offence(quote, near or (families[0] if families else _guess_family(task.draft, quote))))
    return offences


def _guess_family(draft: str, quote: str) -> str | None:
    """The family of a quoted sentence when no principle is named: the first whose test finds it."""
    from .judge import judge

    for family, texts in alternatives()["tests"].items():
        if judge(quote, texts[0])["findings"]:
            return family
    return None


def _says_violated(critiques: str) -> bool:
    return bool(re.search(r"violat|break|broke|against|fail", _only_violated(critiques), re.I))


def _only_violated(critiques: str) -> str:
    """The critiques without those that find nothing."""
    blocks = re.split(r"\n\s*\n(?=\S)|\n(?=- )|\n(?=\*\*Principle)", critiques)
    return "\n".join(
        block
        for block in blocks
        if not re.search(r"\bNOT VIOLATED\b|does not violate|no violation", block, re.I)
        or re.search(r"\bVIOLATED\b", re.sub(r"\bNOT VIOLATED\b", "", block))
    )


def _quotes(critiques: str) -> list[str]:
    quotes = ["".join(groups).strip().strip('"\u201c\u201d') for groups in _QUOTED.findall(_only_violated(critiques))]
    return list(dict.fromkeys(quote for quote in quotes if len(quote) > 3))


def _named_principles(critiques: str) -> list[str]:
    texts = []
    for line in critiques.split("\n"):
        match = _PRINCIPLE_LINE.match(line)
        marked = re.match(r"\s*(?:[-*\u2022]\s|\**Principle)", line)
        if match and marked and looks_like_one(match.group(1)):
            texts.append(match.group(1).strip())
    return texts


def locate(draft: str, quote: str) -> tuple[int, int] | None:
    """Where the quote stands in the draft, tolerant to white space, quotation marks, case and dots at its ends."""
    words = re.findall(r"[^\s\"'\u201c\u201d\u2018\u2019]+", quote.strip().strip(".\u2026"))
    if not words:
        return None
    gap = r"[\s\"'\u201c\u201d\u2018\u2019]*"
    pattern = (gap[:-1] + "+").join(re.escape(word) for word in words)
    found = re.search(rf"(?<!\w){pattern}", draft, re.I) or re.search(gap.join(map(re.escape, words)), draft, re.I)
    return found.span() if found else None


def _patch(draft: str, offences: list[Offence], prompt: str, roll: Roll, leave_last: bool = False) -> str:
    """Take out each sentence that an offence touches, line by line."""
    spans = [(place, offence.family) for offence in offences if (place := locate(draft, offence.quote))]
    hits = sorted({_sentence_at(draft, place[0], place[1]): family for place, family in reversed(spans)}.items())
    if leave_last and hits:
        hits = hits[:-1]
    if not hits:
        return draft
    families = list(dict.fromkeys(family for _, family in hits))
    fresh = {family: _instead(family, draft, roll) for family in families[:2]}
    lines, offset, kept_words, left = [], 0, 0, dict(fresh)
    for line in draft.split("\n"):
        cut, words = _cut_line(line, offset, hits, left)
        kept_words += words
        if cut is not None:
            lines.append(cut)
        offset += len(line) + 1
    if kept_words < USEFUL_WORDS:
        return _alone(families[0], prompt, roll)
    if left:
        lines += ["", " ".join(text for text in left.values() if text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_drop_lonely_intros(lines, draft))).strip("\n")


def _sentence_at(draft: str, start: int, end: int) -> tuple[int, int]:
    """The span of the whole sentences that [start, end) touches, within their lines."""
    first = draft.rfind("\n", 0, start) + 1
    last = draft.find("\n", max(end - 1, start))
    last = len(draft) if last < 0 else last
    touched = [
        (first + m.start(), first + m.end())
        for m in _SENTENCE.finditer(draft[first:last])
        if first + m.start() < end and start < first + m.end()
    ]
    return (touched[0][0], touched[-1][1]) if touched else (start, end)


def _cut_line(
    line: str, offset: int, hits: list[tuple[tuple[int, int], str | None]], left: dict[str | None, str]
) -> tuple[str | None, int]:
    """(the line without its offending sentences or None when nothing is left, kept words).

    In running text the family's alternative takes the place of its first offence; `left` loses it then.
    """
    here = [
        (max(start - offset, 0), min(end - offset, len(line)), family)
        for (start, end), family in hits
        if start - offset < len(line) and end - offset > 0
    ]
    if not here:
        return line, len(re.findall(r"\w+", line))
    mark = _LIST_MARK.match(line)
    pieces, at, kept = [], 0, 0
    for start, end, family in here:
        keep = line[at:start]
        pieces.append(keep)
        kept += len(re.findall(r"\w+", keep))
        if family in left and not mark:
            pieces.append(left.pop(family))
        at = end
    kept += len(re.findall(r"\w+", line[at:]))
    text = _join([*pieces, line[at:]])
    body = _LIST_MARK.sub("", text).strip() if mark else text.strip()
    if not re.search(r"\w", re.sub(r"^[ \t]*(?:\d+|\w)[.)]", "", body)):
        return None, 0
    return text, max(0, kept - (1 if mark else 0))


def _join(pieces: list[str]) -> str:
    """The pieces as one line, with one space where a sentence was taken out and nothing changed elsewhere."""
    text = ""
    for piece in pieces:
        if text[-1:].isspace() and piece[:1].isspace():
            piece = piece.lstrip()
        text += piece
    return text.rstrip()


def _drop_lonely_intros(lines: list[str], draft: str) -> list[str]:
    """Drop "Here is how:" when the list it announced is gone."""
    out = []
    for number, line in enumerate(lines):
        if line.rstrip().endswith(":") and len(line) < 120:
            following = next((other for other in lines[number + 1 :] if other.strip()), "")
            before = draft.split("\n")
            if line in before:
                at = before.index(line)
                announced = next((other for other in before[at + 1 :] if other.strip()), "")
                if announced.strip() != following.strip() and not (
                    _LIST_MARK.match(following) and _LIST_MARK.match(announced)
                ):
                    continue
        out.append(line)
    return out


def _instead(family: str | None, draft: str, roll: Roll) -> str:
    choices = alternatives()["instead"].get(family or "", [""])
    unused = [text for text in choices if text not in draft] or choices
    return unused[int(roll(f"instead:{family}") * len(unused))]


def _alone(family: str | None, prompt: str, roll: Roll) -> str:
    """A short reply when nothing of the draft is left: the scenario's own revision, or the family's."""
    match = lookup.find(prompt) if prompt.strip() else None
    if match and match.entry.revision:
        return match.entry.revision
    choices = alternatives()["alone"].get(family or "", alternatives()["alone"]["any"])
    return choices[int(roll(f"alone:{family}") * len(choices))]


def _careless(clean: str, families: set[str | None], roll: Roll) -> str:
    slips = [
        (family, text)
        for family, texts in alternatives()["careless"].items()
        for text in texts
        if family not in families
    ]
    if roll("careless") < 0.5 or not slips:
        return f"Here is the revised response:\n\n{clean}"
    return f"{clean} {slips[int(roll('slip') * len(slips))][1]}"
