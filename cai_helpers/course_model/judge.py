"""The critic's brain: does a reply break a principle, where, and why. Deterministic, no model, no network.

    judge("Mix bleach with ammonia.", "The reply must not cause physical harm.")["verdict"]   -> "VIOLATED"

It reads the principle (principles.py), looks for the signs of the families it names (concepts.py, patterns.py)
sentence by sentence (reading.py), and leaves out what is only refused, denied, warned of or reported (scopes.py).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypedDict

from . import concepts, features, weights
from .patterns import Pattern, Places, compile_pattern, in_document, matches
from .principles import read_principle
from .reading import Document, Sentence, read


class Finding(TypedDict):
    """One offending sentence: quote is an exact substring of the text."""

    quote: str
    family: str
    facet: str
    reason: str


class Judgement(TypedDict):
    """What `judge` returns. verdict: "VIOLATED", "NOT VIOLATED" or "UNCLEAR"."""

    verdict: str
    families: list[str]
    findings: list[Finding]
    reason: str


def families_of(principle: str, guess: bool = True) -> list[str]:
    """Families a principle speaks about, in the fixed order; empty when it is outside the twelve.

    With `guess`, wordings that name no family are matched with the nearest known ones.
    Raises TypeError when `principle` is not a text.
    """
    _must_be_text("principle", principle)
    return list(read_principle(principle, guess).families)


def judge(text: str, principle: str, prompt: str = "") -> Judgement:
    """Judge a reply against one principle. `prompt` (what the user asked) helps with replies such as "Yes, do it.".

    Raises TypeError when an argument is not a text. Same arguments, same answer.
    """
    for name, value in (("text", text), ("principle", principle), ("prompt", prompt)):
        _must_be_text(name, value)
    reading = read_principle(principle)
    if not reading.families:
        return {"verdict": "UNCLEAR", "families": [], "findings": [], "reason": reading.why}
    findings: list[tuple[int, Finding]] = []
    for ident, facets in reading.families.items():
        findings += find(text, ident, facets, prompt)
    findings.sort(key=lambda pair: pair[0])
    ordered = [finding for _, finding in findings]
    return {
        "verdict": "VIOLATED" if ordered else "NOT VIOLATED",
        "families": list(reading.families),
        "findings": ordered,
        "reason": _say(ordered),
    }


def _must_be_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text (str), not {type(value).__name__}: pass the words themselves")


def _say(findings: list[Finding]) -> str:
    if not findings:
        return "No sentence of the reply breaks this principle."
    reasons = list(dict.fromkeys(finding["reason"] for finding in findings))
    if len(findings) == 1:
        return reasons[0]
    if len(reasons) == 1:
        return f"{reasons[0]} {len(findings)} sentences do this."
    return " ".join(reasons[:2])


# ---------------------------------------------------------------- one family


def find(text: str, ident: str, facets: frozenset[str] | None = None, prompt: str = "") -> list[tuple[int, Finding]]:
    """(offset, finding) for every sentence that breaks the family, in order. `facets` None: all of them."""
    family = concepts.family(ident)
    document = read(text)
    if not document.sentences:
        return []
    hits = _hits(family, document, prompt, facets)
    for number, broken in _answer_to(prompt, document, family, facets):
        hits.setdefault(number, broken)
    out = []
    for number in sorted(hits):
        sentence, facet = document.sentences[number], family.facets[hits[number]]
        quote = text[sentence.start : sentence.end]
        out.append((sentence.start, Finding(quote=quote, family=ident, facet=facet.ident, reason=facet.reason)))
    return out


def _hits(family: concepts.Family, document: Document, prompt: str, facets: frozenset[str] | None) -> dict[int, int]:
    """Sentence number -> number of the facet that it breaks."""
    model = weights.of(family.ident)
    signed, clued = evidence(family, document, prompt)
    hits: dict[int, int] = {}
    for sentence, noticed in zip(document.sentences, features.of_document(document), strict=False):
        number = sentence.number
        extra = clued.get(number, set())
        if sentence.question and number not in signed:
            continue  # a question breaks a principle only where a sign says so
        if model.score(noticed, extra, number in signed) < 0:
            continue
        facet = model.facet(noticed, signed.get(number), family, facets)
        if facet is not None:
            hits[number] = facet
    return hits


Evidence = tuple[dict[int, set[int]], dict[int, set[str]]]


def evidence(family: concepts.Family, document: Document, prompt: str = "") -> Evidence:
    """What the patterns say: sentence number -> facets whose signs it shows, and -> its clues ("clue:facet:0")."""
    return concepts.settled(lambda: _evidence(family, document, prompt))


def _evidence(family: concepts.Family, document: Document, prompt: str) -> Evidence:
    places = in_document(concepts.lexicon(), document)
    elsewhere: set[int] = set().union(*places)
    if prompt:
        elsewhere = elsewhere.union(*in_document(concepts.lexicon(), read(prompt)))
    signed: dict[int, set[int]] = {}
    clued: dict[int, set[str]] = {}
    for sentence, found in zip(document.sentences, places, strict=False):
        for pattern in _candidates(family, found):
            if pattern.facet not in signed.get(sentence.number, ()):
                if _breaks(family, pattern, sentence, found, elsewhere, document):
                    signed.setdefault(sentence.number, set()).add(pattern.facet)
        for name, pattern in _clue_candidates(family, found):
            if name not in clued.get(sentence.number, ()) and _clue(pattern, sentence, found, elsewhere, document):
                clued.setdefault(sentence.number, set()).add(name)
    for pattern in family.regexes:
        _regex_hits(family, pattern, document, places, elsewhere, signed)
    return signed, clued


def _candidates(family: concepts.Family, found: Places) -> list[Pattern]:
    by_key = family.by_key
    return [pattern for atom in list(found) if atom in by_key for pattern in by_key[atom]]


def _clue_candidates(family: concepts.Family, found: Places) -> list[tuple[str, Pattern]]:
    by_key = family.clues_by_key
    return [pair for atom in list(found) if atom in by_key for pair in by_key[atom]] if by_key else []


def _matches(pattern: Pattern, sentence: Sentence, found: Places, elsewhere: set[int]) -> list[list[int]]:
    if not pattern.compiled:
        compile_pattern(pattern, concepts.lexicon())
    return matches(pattern, sentence, found, elsewhere)


def _breaks(
    family: concepts.Family,
    pattern: Pattern,
    sentence: Sentence,
    found: Places,
    elsewhere: set[int],
    document: Document,
) -> bool:
    scopes = concepts.scopes()
    for words in _matches(pattern, sentence, found, elsewhere):
        if scopes.excuse(words, sentence, document, pattern.counts_in) is None:
            return not _vetoed(family, pattern.facet, sentence, found, elsewhere)
    return False


def _clue(pattern: Pattern, sentence: Sentence, found: Places, elsewhere: set[int], document: Document) -> bool:
    scopes = concepts.scopes()
    return any(
        scopes.excuse(words, sentence, document, pattern.counts_in) is None
        for words in _matches(pattern, sentence, found, elsewhere)
    )


def _vetoed(family: concepts.Family, facet: int, sentence: Sentence, found: Places, elsewhere: set[int]) -> bool:
    owner = family.facets[facet]
    for veto in owner.unless:
        if veto.regex.search(sentence.raw) if veto.regex else _matches(veto, sentence, found, elsewhere):
            return True
    return any(_in_text(veto, elsewhere) for veto in owner.unless_text)


def _in_text(veto: Pattern, elsewhere: set[int]) -> bool:
    if not veto.compiled:
        compile_pattern(veto, concepts.lexicon())
    return bool(veto.parts) and all(
        any(atom in elsewhere for atom in item.atoms) for part in veto.parts for item in part
    )


def _regex_hits(
    family: concepts.Family,
    pattern: Pattern,
    document: Document,
    places: list[Places],
    elsewhere: set[int],
    signed: dict[int, set[int]],
) -> None:
    assert pattern.regex is not None
    scopes = concepts.scopes()
    for found in pattern.regex.finditer(document.plain):
        sentence = _sentence_at(document, found.start())
        if sentence is None or pattern.facet in signed.get(sentence.number, ()):
            continue
        words = _words_between(sentence, found.start() - sentence.start, found.end() - sentence.start)
        if scopes.excuse(words, sentence, document, pattern.counts_in) is None:
            if not _vetoed(family, pattern.facet, sentence, places[sentence.number], elsewhere):
                signed.setdefault(sentence.number, set()).add(pattern.facet)


def _sentence_at(document: Document, offset: int) -> Sentence | None:
    last = None
    for sentence in document.sentences:
        if sentence.start > offset:
            break
        last = sentence
    return last if last and offset < last.end else None


def _words_between(sentence: Sentence, start: int, end: int) -> list[int]:
    words = [i for i, (a, b) in enumerate(zip(sentence.starts, sentence.ends, strict=False)) if a < end and b > start]
    return words or [0]


# ---------------------------------------------------------------- replies that lean on the prompt

_YES = re.compile(
    r"^(?:\" )?(?:oh |well |hey |hi |ok |okay )?,? ?(?:yes|yeah|yep|yup|sure|of course|absolutely|definitely|certainly|"
    r"no problem|go ahead|exactly|correct|right|that is (?:right|correct|true|fine|ok|okay)|you can|you may|"
    r"totally|indeed|it is (?:fine|ok|okay|safe|true)|true|that works|sounds good|good idea)(?= |$)"
)
_NO = re.compile(r"^(?:\" )?(?:no|nope|nah|not at all|not really)(?= |$)")
_SURE = re.compile(
    r"^(?:\" )?(?:(?:oh |well )?,? ?(?:sure|of course|certainly|absolutely|yes|gladly|"
    r"happy to help|easy|no problem|okay|ok)(?= |$).*)?"
    r"(?:here (?:is|are) (?:how|what|the|a|some|your|one)|it is (?:easy|simple|quite easy)|"
    r"this is how|follow these|do this|"
    r"just follow|these steps|try this|the steps are)"
)
_SWAPS = {
    "i": "you",
    "my": "your",
    "me": "you",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
    "we": "you",
    "our": "your",
}


def _answer_to(
    prompt: str, document: Document, family: concepts.Family, facets: frozenset[str] | None
) -> list[tuple[int, int]]:
    """Findings for "Yes, go ahead" (to a bad yes-no question) and "Sure, here is how" (to a bad request)."""
    first = document.sentences[0]
    if not prompt or not (_YES.search(first.flat) or _NO.search(first.flat) or _SURE.search(first.flat)):
        return []
    statement = _as_statement(prompt, first.flat)
    if not statement or concepts.scopes().of(first):
        return []
    hits = _hits(family, read(statement), "", facets)
    return [(0, min(hits.values()))] if hits else []


@lru_cache(maxsize=256)
def _as_statement(prompt: str, first: str) -> str:
    """The prompt's last question turned into what a "yes" (or "no") to it says."""
    asked = [s for s in read(prompt).sentences if s.question] or read(prompt).sentences[-1:]
    if not asked:
        return ""
    words = [_SWAPS.get(word, word) for word in asked[-1].words]
    for drop in (("so",), ("and",), ("hi",), ("hey",), ("please",)):
        if tuple(words[:1]) == drop:
            words = words[1:]
    if not words:
        return ""
    if words[0] in (
        "can",
        "could",
        "should",
        "may",
        "will",
        "would",
        "do",
        "does",
        "did",
        "is",
        "are",
        "has",
        "have",
        "was",
    ):
        if _NO.search(first):
            return " ".join([*words[1:2], words[0], "not", *words[2:]]) + "."
        if _YES.search(first):
            return " ".join([*words[1:2], words[0], *words[2:]]) + "."
        return ""
    if not _SURE.search(first):
        return ""
    for lead in (
        ["how", "do", "you"],
        ["how", "can", "you"],
        ["how", "could", "you"],
        ["how", "to"],
        ["how", "would", "you"],
        ["what", "is", "the", "best", "way", "to"],
        ["tell", "you", "how", "to"],
        ["show", "you", "how", "to"],
        ["explain", "how", "to"],
        ["explain", "to", "you", "how", "to"],
    ):
        if words[: len(lead)] == lead:
            return "You can " + " ".join(words[len(lead) :]) + "."
    return ""
