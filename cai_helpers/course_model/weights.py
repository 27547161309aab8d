"""The learned half of the critic: how much each feature of a sentence speaks for or against a violation.

The numbers are made by learn.py from the example sentences and kept in data/weights/*.json: nobody edits them by hand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .concepts import ConceptError, Family

FOLDER = Path(__file__).parent / "data" / "weights"
SIGN_ALONE = 1.0
CLEARLY = 4.0  # nearness by which one facet must lead another to rule it out


@dataclass
class Weights:
    """bias + the weights of a sentence's features + sign (when a sign was found): at 0 or above it is a violation."""

    bias: float = -SIGN_ALONE
    sign: float = 2 * SIGN_ALONE
    features: dict[str, float] = field(default_factory=dict)
    facets: dict[str, dict[str, float]] = field(default_factory=dict)

    def score(self, noticed: set[str], clues: set[str], signed: bool) -> float:
        """Above or at 0: a violation."""
        get = self.features.get
        total = self.bias + (self.sign if signed else 0.0)
        for name in noticed:
            total += get(name, 0.0)
        for name in clues:
            total += get(name, 0.0)
        return total

    def facet(
        self, noticed: set[str], signed: set[int] | None, family: Family, allowed: frozenset[str] | None = None
    ) -> int | None:
        """Number of the facet that fits best among the allowed ones; None where another facet fits clearly better.

        A facet whose signs were found fits; else the one with the nearest examples does.
        """
        judged = [n for n, facet in enumerate(family.facets) if allowed is None or facet.ident in allowed]
        sure = [n for n in judged if signed and n in signed]
        if len(sure) == 1:
            return sure[0]
        nearness = {
            number: sum(self.facets.get(facet.ident, {}).get(name, 0.0) for name in noticed)
            for number, facet in enumerate(family.facets)
        }
        best = max(sure or judged, key=lambda number: (nearness[number], -number))
        return best if sure or nearness[best] >= max(nearness.values()) - CLEARLY else None


@cache
def of(ident: str) -> Weights:
    """The weights of a family; a family without examples is judged by its signs alone."""
    path = FOLDER / f"{ident}.json"
    if not path.exists():
        return Weights()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return Weights(data["bias"], data["sign"], data["features"], data["facets"])
    except (ValueError, KeyError) as error:
        raise ConceptError(
            f"{path.name}: not readable ({error}); make it anew: python -m cai_helpers.course_model.learn"
        ) from None
