"""Which family a principle belongs to, learned from a thousand wordings: asked only where its words name none.

A teacher writes "Nobody gets scolded for a broken lamp"; no word list holds that. The weights are made by learn.py
from data/examples/principles.txt and kept in data/weights/principles.json.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from . import features
from .reading import Document

PATH = Path(__file__).parent / "data" / "weights" / "principles.json"
NONE = "none"
NEAR = -0.6  # a principle whose nearest family scores less stays outside the twelve


def noticed(document: Document) -> set[str]:
    """Features of a principle: its words, pairs of words, pieces of words, and the concepts they belong to."""
    found: set[str] = set()
    for sentence, seen in zip(document.sentences, features.of_document(document), strict=False):
        found.update("w:" + stem for stem in sentence.stems)
        found.update(f"b:{first}_{second}" for first, second in zip(sentence.stems, sentence.stems[1:], strict=False))
        found.update("p:" + word[at : at + 4] for word in sentence.words for at in range(len(word) - 3))
        found.update(name.removeprefix("n") for name in seen if name.startswith(("c:", "nc:")))
    return found


@lru_cache(maxsize=1)
def _weights() -> dict[str, tuple[float, dict[str, float]]]:
    if not PATH.exists():
        return {}
    data = json.loads(PATH.read_text(encoding="utf-8"))
    return {family: (entry["bias"], entry["features"]) for family, entry in data["families"].items()}


def family_of(document: Document) -> str | None:
    """The family whose wordings are nearest, or None where none is near enough (or "none" is nearer)."""
    found = noticed(document)
    scores = {
        family: bias + sum(known.get(name, 0.0) for name in found) for family, (bias, known) in _weights().items()
    }
    if not scores:
        return None
    best = max(scores, key=lambda family: scores[family])
    return best if best != NONE and scores[best] > NEAR else None
