"""What the critic notices about a sentence: its words, the concepts they belong to, and how they are said.

A feature is a short text: "w:refund" (a word), "c:x_hedge" (a concept), "b:you_should" (two words in a row), "k:#money"
(a kind of word), "d:..." (the form of the sentence), "s:..." (a scope that it holds). Words that are only refused,
denied, warned of or reported carry an "n" in front: "nw:refund", "nc:x_hedge", "nb:...".
"""

from __future__ import annotations

from . import concepts
from .patterns import in_document
from .reading import Document, Sentence


def of_document(document: Document) -> list[set[str]]:
    """The features of every sentence, worked out once for a text."""
    if "features" not in document.cache:
        places = in_document(concepts.lexicon(), document)
        document.cache["features"] = [_features(s, p) for s, p in zip(document.sentences, places, strict=False)]
    return document.cache["features"]


def _features(sentence: Sentence, places: dict) -> set[str]:
    covered, found = _coverage(sentence)
    before = "^"
    for at, (word, root) in enumerate(zip(sentence.words, sentence.stems, strict=False)):
        first = word[0]
        root = "#" if first.isdigit() else "$" if first in "$\u20ac\u00a3" else root
        mark = "n" if covered[at] else ""
        found.add(f"{mark}w:{root}")
        found.add(f"{mark}b:{before}_{root}")
        before = root
    names = concepts.lexicon().names
    for atom, spans in places.items():
        name = names[atom]
        if name[0] == "'":
            if name[1] == "#":
                found.add("k:" + name[1:])
            continue
        for start, _ in spans:
            found.add(("nc:" if covered[start] else "c:") + name)
    _form(sentence, found)
    return found


def _coverage(sentence: Sentence) -> tuple[list[bool], set[str]]:
    """Which words stand in a scope, and features for the scopes themselves."""
    scopes = concepts.scopes()
    covered = [False] * len(sentence.words)
    found = set()
    for scope in scopes.of(sentence):
        found.add("s:" + scope.kind.split()[0])
        for at in range(scope.low, min(scope.high, len(covered) - 1) + 1):
            covered[at] = True
    if sentence.lead is not None and scopes.open_at_end(sentence.lead):
        found.add("s:lead")
        covered = [True] * len(covered)
    return covered, found


def _form(sentence: Sentence, found: set[str]) -> None:
    if sentence.question:
        found.add("d:question")
    if "!" in sentence.text:
        found.add("d:exclaims")
    if '"' in sentence.flat:
        found.add("d:quotes")
    found.add("d:first:" + sentence.stems[0] if sentence.stems else "d:empty")
