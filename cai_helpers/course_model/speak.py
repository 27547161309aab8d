"""The voice: writes the critic's opinions in the form that the instruction asks for."""

from __future__ import annotations

import re

from . import instruction as ear
from .critic import Opinion

WORDS = ("VIOLATED", "NOT VIOLATED")
_ROLE = (
    (
        "quote",
        r"\bquot\w*|\bcopy\b|\bcite\b|\bexcerpt|\bevidence|\bexact words|\bwhich (?:part|words|sentence)|\bpassage\b",
    ),
    (
        "reason",
        r"\bexplain|\bexplanation|\bwhy\b|\breason|\bjustif|\banaly[sz]|\bcomment|\brationale|\bcritique\b|\bdescribe",
    ),
    (
        "verdict",
        r"violat|\bverdict|\bpass\b|\bfail\b|\bdecide|\bwhether|\byes\b|\bstate\b|\bkept\b|\bjudg\w+|\bgrade|"
        r"\brating|\bresult|\bstatus|\blabel\b|\banswer\b|\bdecision|\bconclusion|\bcompl",
    ),
)
_NUMBERED = re.compile(r"^[ \t]*(\d)[.)]\s+(.+)$", re.M)
_LABELLED = re.compile(
    r"^[ \t]*(?:last line:|first line:|[-*]\s+)?\s*\**([A-Z][A-Za-z ]{2,18})\**:\**[ \t]*(.*)$", re.M
)
_LAST = re.compile(
    r"\b(?:last|final) (?:line|word)|\bend (?:with|your|the|in|by)|\bfinish (?:with|by)|\bconclude with|"
    r"\bat the (?:very )?end|\bclose with|\bthen (?:give|state|write) (?:the|your) verdict",
    re.I,
)
_ONLY = re.compile(
    r"\b(?:only|just|exactly|simply)\b[^.\n]{0,30}\b(?:the word|one word|a single word|one of|with|violated|yes|pass|"
    r"verdict|either)|\bone[- ]word\b|\bsingle word\b|\bnothing else\b|\bone of the words\b|\bno explanation",
    re.I,
)


def critique(opinion: Opinion, instruction: str, style: str = "auto") -> str:
    """One opinion in words; an opinion that cannot be had is said so, without a verdict word."""
    words = ear.offered_words(instruction) or WORDS
    if opinion.violated is None:
        return _cannot(opinion, instruction)
    chosen = style if style != "auto" else _style(instruction)
    if chosen == "numbered":
        return _numbered(opinion, words, instruction)
    if chosen == "last":
        return _labelled(opinion, words, instruction, last=True)
    if chosen in ("labelled", "template"):
        return _labelled(opinion, words, instruction, last=False)
    if chosen == "only":
        return _word(opinion, words)
    if chosen == "markdown":
        quotes = "".join(f"\n\n> {quote}" for quote in opinion.quotes)
        return f"**{_word(opinion, words)}**{quotes}\n\n{opinion.reason}"
    if chosen == "prose":
        return _prose(opinion)
    return "\n".join([_word(opinion, words), *(f'Quote: "{quote}"' for quote in opinion.quotes), opinion.reason])


def several(opinions: list[Opinion], instruction: str, style: str = "auto") -> str:
    """Many opinions: one line each, or one overall verdict when the instruction asks for just that."""
    each = re.search(r"\b(?:each|every|which|per|list|all|id|ids|name|one by one|respective\w*)\b", instruction, re.I)
    if style == "auto" and ear.offered_words(instruction) and not each:
        return critique(overall(opinions), instruction, style)
    words = ear.offered_words(instruction) or WORDS
    numbered = all(opinion.principle.id.isdigit() for opinion in opinions)
    lines = []
    for opinion in opinions:
        lead = f"{opinion.principle.id}. " if numbered else f"- {opinion.principle.id}: "
        if opinion.violated is None:
            lines.append(lead + _cannot(opinion, instruction))
        else:
            quotes = " ".join(f'"{quote}"' for quote in opinion.quotes)
            lines.append(f"{lead}{_word(opinion, words)} - {quotes + ' ' if quotes else ''}{opinion.reason}")
    return "\n".join(lines)


def overall(opinions: list[Opinion]) -> Opinion:
    """One opinion for all: violated when any is; None when none is violated and one cannot be judged."""
    broken = [opinion for opinion in opinions if opinion.violated]
    unclear = [opinion for opinion in opinions if opinion.violated is None]
    if len(opinions) == 1:
        return opinions[0]
    if broken:
        quotes = tuple(dict.fromkeys(quote for opinion in broken for quote in opinion.quotes))
        reason = " ".join(f"{opinion.principle.id}: {opinion.reason}" for opinion in broken)
        return Opinion(broken[0].principle, True, quotes, reason)
    if unclear:
        return unclear[0]
    return Opinion(opinions[0].principle, False, (), "Nothing in the text goes against any of the principles.")


def _style(instruction: str) -> str:
    if len(_roles(_NUMBERED, instruction)) > 1:
        return "numbered"
    if _LAST.search(instruction):
        return "last"
    if len({role for role, _ in _roles(_LABELLED, instruction)}) > 1:
        return "template"
    if _ONLY.search(instruction) and not re.search(
        r"\bexplain|\breason|\bquote|\bwhy\b|\bone sentence|\bsentences\b", instruction, re.I
    ):
        return "only"
    if re.search(r"\*\*(?:NOT )?VIOLATED\*\*", instruction):
        return "markdown"
    if ear.offered_words(instruction) is None and re.search(
        r"\bidentify\b|\bpoint out\b|\bcriti\w+|\bdescribe\b|\bways\b", instruction, re.I
    ):
        return "prose"
    return "first"


def _roles(pattern: re.Pattern[str], instruction: str) -> list[tuple[str, str]]:
    """(role, label or number) of each line of a list or template in the instruction."""
    found = []
    for mark, rest in pattern.findall(instruction):
        subject = rest if mark.isdigit() else mark
        role = next((role for role, words in _ROLE if re.search(words, subject, re.I)), None)
        if mark.isdigit() and role and re.search(r"\bstate\b|\bNOT VIOLATED\b|\bverdict\b", rest):
            role = "verdict"
        if role and (mark.isdigit() or len(mark.split()) < 3):
            found.append((role, mark))
    return found


def _word(opinion: Opinion, words: tuple[str, str]) -> str:
    word = words[0] if opinion.violated else words[1]
    return word.capitalize() if any(w.istitle() for w in words) and word.islower() else word


def _numbered(opinion: Opinion, words: tuple[str, str], instruction: str) -> str:
    roles = [role for role, _ in _roles(_NUMBERED, instruction)] or ["verdict", "quote", "reason"]
    quotes = "\n   ".join(f'"{quote}"' for quote in opinion.quotes) or "Nothing to quote."
    said = {"verdict": _word(opinion, words), "quote": quotes, "reason": opinion.reason}
    if "verdict" not in roles:
        roles.insert(0, "verdict")
    return "\n".join(f"{number}. {said[role]}" for number, role in enumerate(roles, 1))


def _labelled(opinion: Opinion, words: tuple[str, str], instruction: str, last: bool) -> str:
    names = dict(reversed(_roles(_LABELLED, instruction)))
    verdict = f"{names.get('verdict', 'Verdict')}: {_word(opinion, words)}"
    quotes = [f'{names.get("quote", "Quote")}: "{quote}"' for quote in opinion.quotes]
    if last:
        reason = f"{names['reason']}: {opinion.reason}" if "reason" in names else opinion.reason
        return "\n".join([*quotes, reason, verdict])
    lines = {
        "verdict": [verdict],
        "quote": quotes or [f"{names.get('quote', 'Quote')}: none"],
        "reason": [f"{names.get('reason', 'Reason')}: {opinion.reason}"],
    }
    order = list(dict.fromkeys(role for role, _ in _roles(_LABELLED, instruction))) or ["verdict", "quote", "reason"]
    if "verdict" not in order:
        order.insert(0, "verdict")
    return "\n".join(line for role in order for line in lines[role])


def _prose(opinion: Opinion) -> str:
    if not opinion.violated:
        return f"This response does not violate the principle. {opinion.reason}"
    quotes = " and ".join(f'"{quote}"' for quote in opinion.quotes)
    reason = opinion.reason[:1].lower() + opinion.reason[1:]
    where = f" The words are: {quotes}." if quotes else ""
    return f"The response is VIOLATED because {reason}{where}"


def _cannot(opinion: Opinion, instruction: str) -> str:
    offered = re.search(r"\b(UNCLEAR|UNSURE|UNKNOWN|UNDECIDED|CANNOT JUDGE|CANNOT TELL)\b", instruction)
    lead = f"{offered.group(1)}\n" if offered else ""
    return f"{lead}I cannot judge this principle: {opinion.reason}"
