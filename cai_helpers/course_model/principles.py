"""Which families (and which of their facets) a principle speaks about, in whatever words it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from . import concepts
from .patterns import Lexicon, Pattern, PatternError, compile_pattern, in_document, match
from .reading import Document, Sentence


@dataclass(frozen=True)
class Reading:
    """families: family id -> facet ids it is judged on (None = all). why: the honest reason when there are none."""

    families: dict[str, frozenset[str] | None]
    why: str


@dataclass
class _Names:
    lexicon: Lexicon
    general: list[tuple[str, Pattern]]
    facets: list[tuple[str, str, Pattern]]
    topics: list[tuple[str, Pattern]]
    outside: re.Pattern[str]
    vague: re.Pattern[str]
    asks_for: re.Pattern[str]
    forbids: re.Pattern[str]


_GENERAL_REASON = ("I cannot judge this kind of principle: I know harm, illegal activity, honesty, bias, privacy, manipulation, "
                   "unapproved promises, internal figures, blaming, secrets, regulated advice and tone.")
_VAGUE_REASON = "This principle is too vague to judge: it does not say what a reply must or must not do."
_ASKS_REASON = ("I cannot judge this kind of principle: it asks for something to be in the reply, and I only look for things "
                "that must not be there.")
_EMPTY_REASON = "There is no principle to judge: write one sentence that says what a reply must not do."


@lru_cache(maxsize=1)
def _names() -> _Names:
    common = concepts.shared()
    lexicon = Lexicon(common["concepts"])
    general, facets, topics = [], [], []
    for ident in concepts.FAMILIES:
        name = f"{ident}.json"
        data = concepts.load(concepts.FOLDER / name)
        concepts.check_family(name, data)
        for source in data["named_by"]:
            general.append((ident, _compile(source, lexicon, name, "named_by")))
        for source in data.get("topics", []):
            topics.append((ident, _compile(source, lexicon, name, "topics")))
        for facet in data["facets"]:
            for source in facet["named_by"]:
                facets.append((ident, facet["id"], _compile(source, lexicon, name, facet["id"])))
    lists = {key: re.compile("|".join(value)) for key, value in common["principles"].items()}
    return _Names(lexicon, general, facets, topics, **lists)


def _compile(source: str, lexicon: Lexicon, name: str, where: str) -> Pattern:
    try:
        return compile_pattern(source, 0, lexicon)
    except PatternError as error:
        raise concepts.ConceptError(f'{name}, facet "{where}", named_by: {error}') from None


@lru_cache(maxsize=512)
def read_principle(principle: str) -> Reading:
    """Understand a principle. Families in the fixed order; facets only where it names no general words."""
    names = _names()
    document = Document(principle)
    if not document.sentences:
        return Reading({}, _EMPTY_REASON)
    found: dict[str, set[str] | None] = {}
    asked, weak = False, set()
    for sentence, places in zip(document.sentences, in_document(names.lexicon, document)):
        if names.outside.search(sentence.flat):
            continue
        if names.asks_for.search(sentence.flat) and not names.forbids.search(sentence.flat):
            asked = True
            continue
        _collect(names, sentence, places, found)
        weak |= {ident for ident, pattern in names.topics if _hit(pattern, sentence, places)}
    if not found and len(weak) == 1:
        found = {ident: None for ident in weak}
    if found:
        ordered = {f: found[f] for f in concepts.FAMILIES if f in found}
        return Reading({f: None if v is None else frozenset(v) for f, v in ordered.items()}, "")
    if asked:
        return Reading({}, _ASKS_REASON)
    vague = any(names.vague.search(sentence.flat) for sentence in document.sentences)
    return Reading({}, _VAGUE_REASON if vague else _GENERAL_REASON)


def _collect(names: _Names, sentence: Sentence, places: dict, found: dict[str, set[str] | None]) -> None:
    for ident, pattern in names.general:
        if ident not in found or found[ident] is not None:
            if _hit(pattern, sentence, places):
                found[ident] = None
    for ident, facet, pattern in names.facets:
        chosen = found.setdefault(ident, set()) if _hit(pattern, sentence, places) else None
        if chosen is not None:
            chosen.add(facet)


def _hit(pattern: Pattern, sentence: Sentence, places: dict) -> bool:
    if pattern.regex:
        return bool(pattern.regex.search(sentence.flat))
    return match(pattern, sentence, places, set(places)) is not None
