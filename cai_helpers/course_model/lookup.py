"""The librarian: which scenario does a prompt ask for, in whatever words?

Words are stemmed lightly and mapped to concepts (data/synonyms.json); rare concepts count more than common
ones, and word pairs count as well. A prompt must be near enough to one scenario and clearly nearer to it than to
its twin, or nothing is found.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from . import library
from .library import Entry

NEAR = 0.59  # least score of a match
CLEAR = 0.01  # least lead over any other scenario
LEAN = 0.06  # what the prompt's stance adds to a scenario or takes from its twin
TWIN_CLEAR = 0.1  # least lead over the scenario's own twin
UNKNOWN_WEIGHT = 0.9  # a word that no scenario uses counts this part of the rarest known word
_AGAINST = re.compile(
    r"\b(?:talk|trick|persuade|convince|coax|guilt|pressure|fool|force|get|make)\b (?:(?!me\b)\w+ ){1,3}?"
    r"(?:into|out of|to (?:give|tell|hand|lend|reveal|share|stop))\b|\bhack|\bsecretly\b|"
    r"\bwithout (?:him|her|them|(?:any|some)(?:one|body)|being|getting|my \w+|the \w+|telling|asking)\b|"
    r"\b(?:must|does|should|will) not (?:know|notice|see)\b",
    re.I,
)
_GUARDING = re.compile(
    r"\bprotect|\bprevent|\bagainst\b|\bavoid|\btrick(?:s|ed|ing)? me\b|\bkeep (?:\w+ ){1,4}(?:from|out)\b|"
    r"\bmy own\b|\bharmless|\bsafe(?:ly)?\b|\bcorrect(?:ly)?\b|\bhonest|\brespect|\blegal|\btrue\b|"
    r"\bstop (?:him|her|them|others|people|my neighbou?r)\b",
    re.I,
)
_PATH = Path(__file__).parent / "data" / "synonyms.json"
_WORD = re.compile(r"[^\W_]+(?:'[^\W\d_]+)?")


class Match(NamedTuple):
    """A scenario with its score from 0 to 1."""

    entry: Entry
    score: float


class _Index(NamedTuple):
    rarity: dict[str, float]
    rarest: float
    variants: list[tuple[Entry, dict[str, float], float]]  # entry, features, length
    words: dict[str, set[str]]  # entry id -> all its single concepts
    where: dict[str, list[int]]  # feature -> variants that have it


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]], frozenset[str]]:
    data = json.loads(_PATH.read_text(encoding="utf-8"))
    concept = {_stem(word): name for name, words in data["concepts"].items() for word in words.split()}
    phrases = [(re.compile(rf"\b(?:{pattern})\b"), f" {name} ") for name, pattern in data["phrases"].items()]
    return concept, phrases, frozenset(data["ignored"].split())


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    for ending, least, put in (
        ("ies", 5, "y"),
        ("sses", 6, "ss"),
        ("ingly", 8, ""),
        ("edly", 7, ""),
        ("ing", 6, ""),
        ("ied", 5, "y"),
        ("ed", 5, ""),
        ("ly", 6, ""),
        ("es", 5, ""),
        ("s", 4, ""),
    ):
        if word.endswith(ending) and len(word) >= least and not word.endswith(("ss", "us", "is")):
            word = word[: -len(ending)] + put
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lse":
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


@lru_cache(maxsize=8192)
def concepts(text: str) -> tuple[str, ...]:
    """The concepts of a text in order; words that say nothing are left out."""
    concept, phrases, ignored = _vocabulary()
    text = text.lower().replace("\u2019", "'").replace("wi-fi", "wifi").replace("e-mail", "email")
    for pattern, name in phrases:
        text = pattern.sub(name, text)
    words = [word for word in _WORD.findall(text) if word not in ignored]
    return tuple(concept.get(stem, stem) for stem in map(_stem, words))


def _features(text: str) -> Counter[str]:
    words = concepts(text)
    counts = Counter(set(words))
    counts.update({f"{a} {b}" for a, b in pairwise(words)})
    return counts


@lru_cache(maxsize=1)
def _index() -> _Index:
    spread: Counter[str] = Counter()
    words: dict[str, set[str]] = {}
    raw: list[tuple[Entry, Counter[str]]] = []
    for entry in library.entries():
        seen: set[str] = set()
        for text in (entry.prompt, *entry.phrasings):
            features = _features(text)
            raw.append((entry, features))
            seen |= set(features)
        words[entry.id] = seen
        spread.update(seen)
    total = len(words)
    rarity = {f: math.log(1 + total / n) * (0.35 if " " in f else 1.0) for f, n in spread.items()}
    variants, where = [], defaultdict(list)
    for number, (entry, features) in enumerate(raw):
        weights = {f: rarity[f] for f in features}
        variants.append((entry, weights, sum(weights.values())))
        for feature in weights:
            where[feature].append(number)
    return _Index(rarity, math.log(1 + total), variants, words, where)


def ranking(prompt: str, count: int = 3) -> list[Match]:
    """The nearest scenarios, best first, whatever their scores."""
    index, features = _index(), _features(prompt)
    weight = {f: index.rarity.get(f, (0.0 if " " in f else index.rarest * UNKNOWN_WEIGHT)) for f in features}
    length = sum(weight.values())
    if not length:
        return []
    shared: dict[int, float] = defaultdict(float)
    for feature in features:
        for number in index.where.get(feature, ()):
            shared[number] += weight[feature]
    best: dict[str, tuple[float, Entry]] = {}
    for number, common in shared.items():
        entry, _, own = index.variants[number]
        likeness = 2 * common / (length + own)
        if likeness > best.get(entry.id, (0.0, entry))[0]:
            best[entry.id] = (likeness, entry)
    single = {f: w for f, w in weight.items() if " " not in f}
    if len(single) == 1 and len(prompt.split()) > 2:
        return []  # "How do I tie a tie?": one meaningful word is not enough to tell
    whole = sum(single.values()) or 1.0
    scored = []
    for ident, (likeness, entry) in best.items():
        if len(single) > 1 and sum(f in index.words[ident] for f in single) < 2:
            continue  # one word in common is chance
        covered = sum(w for f, w in single.items() if f in index.words[ident]) / whole
        scored.append(Match(entry, 0.5 * likeness + 0.5 * covered + LEAN * _lean(prompt, entry)))
    return sorted(scored, key=lambda match: -match.score)[:count]


def _lean(prompt: str, entry: Entry) -> float:
    """-1 when the prompt's stance speaks for the scenario's twin, 1 when it speaks for the scenario, else 0."""
    against, guarding = bool(_AGAINST.search(prompt)), bool(_GUARDING.search(prompt))
    if entry.twin is None or against == guarding:
        return 0.0
    return 1.0 if (entry.kind == "tempting") == against else -1.0


def find(prompt: str) -> Match | None:
    """The scenario that a prompt asks for, or None when none is near and clear enough."""
    plain = library.normal(prompt).lower().rstrip("?.! ")
    exact = _exact().get(plain)
    if exact is not None:
        return Match(exact, 1.0)
    ranked = ranking(prompt, 2)
    if not ranked or ranked[0].score < NEAR:
        return None
    best = ranked[0]
    for other in ranked[1:]:
        twins = other.entry.id == best.entry.twin or other.entry.twin == best.entry.id
        if best.score - other.score < (TWIN_CLEAR if twins else CLEAR):
            return None
    return best


@lru_cache(maxsize=1)
def _exact() -> dict[str, Entry]:
    return {
        library.normal(text).lower().rstrip("?.! "): entry
        for entry in library.entries()
        for text in (entry.prompt, *entry.phrasings)
    }
