"""Which families (and which of their facets) a principle speaks about, in whatever words it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from . import concepts, wordings
from .patterns import Pattern, PatternError, Places, compile_pattern, in_document, match, rarest, read_pattern
from .reading import Document, Sentence


@dataclass(frozen=True)
class Reading:
    """families: family id -> facet ids it is judged on (None = all). why: the honest reason when there are none."""

    families: dict[str, frozenset[str] | None]
    why: str


@dataclass
class _Names:
    """Atom -> the naming patterns that need it. Kind: "general", "topic" or the id of a facet."""

    by_key: dict[int, list[tuple[str, str, Pattern]]]
    outside: re.Pattern[str]
    vague: re.Pattern[str]
    asks_for: re.Pattern[str]
    forbids: re.Pattern[str]


_GENERAL_REASON = (
    "I cannot judge this kind of principle: I know harm, illegal activity, honesty, bias, privacy, manipulation, "
    "unapproved promises, internal figures, blaming, secrets, regulated advice and tone."
)
_VAGUE_REASON = "This principle is too vague to judge: it does not say what a reply must or must not do."
_ASKS_REASON = (
    "I cannot judge this kind of principle: it asks for something to be in the reply, and I only look for things "
    "that must not be there."
)
_EMPTY_REASON = "There is no principle to judge: write one sentence that says what a reply must not do."


@lru_cache(maxsize=1)
def _names() -> _Names:
    by_key: dict[int, list[tuple[str, str, Pattern]]] = {}
    words = concepts.lexicon()
    for ident in concepts.FAMILIES:
        data = concepts.source(ident)
        lines = [("general", line) for line in data["named_by"]] + [("topic", line) for line in data.get("topics", [])]
        lines += [(facet["id"], line) for facet in data["facets"] for line in facet["named_by"]]
        for kind, line in lines:
            try:
                pattern = read_pattern(line, 0, "")
                keys = rarest(pattern, words)
            except PatternError as error:
                raise concepts.ConceptError(f'{ident}.json, "{kind}", named_by: {error}') from None
            for atom in keys:
                by_key.setdefault(atom, []).append((ident, kind, pattern))
    lists = {key: re.compile("|".join(value)) for key, value in concepts.shared()["principles"].items()}
    return _Names(by_key, **lists)


@lru_cache(maxsize=512)
def read_principle(principle: str, guess: bool = True) -> Reading:
    """Understand a principle. Families in the fixed order; facets only where it names no general words."""
    names = _names()
    document = Document(principle)
    if not document.sentences:
        return Reading({}, _EMPTY_REASON)
    return concepts.settled(lambda: _read_all(names, document, guess))


def _read_all(names: _Names, document: Document, guess: bool) -> Reading:
    found: dict[str, set[str] | None] = {}
    asked, outside, weak = False, False, set()
    for sentence, places in zip(document.sentences, in_document(concepts.lexicon(), document), strict=False):
        if names.outside.search(sentence.flat):
            outside = True
            continue
        if names.asks_for.search(sentence.flat) and not names.forbids.search(sentence.flat):
            asked = True
            continue
        weak |= _collect(names, sentence, places, found)
    if not found and len(weak) == 1:
        found = dict.fromkeys(weak)
    if guess and not found and not asked and not outside:
        nearest = wordings.family_of(document)
        found = {nearest: None} if nearest else {}
    if found:
        ordered = {f: found[f] for f in concepts.FAMILIES if f in found}
        return Reading({f: None if v is None else frozenset(v) for f, v in ordered.items()}, "")
    if asked:
        return Reading({}, _ASKS_REASON)
    vague = any(names.vague.search(sentence.flat) for sentence in document.sentences)
    return Reading({}, _VAGUE_REASON if vague else _GENERAL_REASON)


def _collect(names: _Names, sentence: Sentence, places: Places, found: dict[str, set[str] | None]) -> set[str]:
    """Enter what the sentence names into `found`; return the families of which it only touches a topic."""
    weak = set()
    for atom in list(places):
        for ident, kind, pattern in names.by_key.get(atom, ()):
            if not pattern.compiled:
                compile_pattern(pattern, concepts.lexicon())
            if match(pattern, sentence, places, set(places)) is None:
                continue
            if kind == "topic":
                weak.add(ident)
            elif kind == "general":
                found[ident] = None
            elif found.setdefault(ident, set()) is not None:
                chosen = found[ident]
                assert chosen is not None
                chosen.add(kind)
    return weak
