"""Make data/weights/*.json from the example sentences: plain logistic regression, the same numbers on every machine.

    python -m cai_helpers.course_model.learn            all families
    python -m cai_helpers.course_model.learn bias tone  some

Sentences come from data/examples (breaks and passes), the tuning half of data/labelled, the library's benign drafts
and revisions (without rounds.json), and the reviser's own sentences. The measuring half is never read here.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import concepts, features, weights, wordings
from .concepts import ConceptError
from .judge import evidence
from .reading import Document, read
from .reviser import alternatives

DATA = Path(__file__).parent / "data"
EXAMPLES = DATA / "examples"
NOT_LEARNED = "rounds.json"  # the rounds end as they do because of what the critic finds in texts it did not learn from
ROUNDS = 12
PENALTY = 0.6
KEEP = 0.15  # smaller weights are left out: the file is a third as large and judges as well
FEW = 6  # a facet with few examples stays near what is usual in its family
LEAN = 0.6

# A sentence that breaks the first family often breaks one of the others too: it is no counter-example for them.
NEIGHBOURS = {
    "harm": {"illegality", "advice", "manipulation"},
    "illegality": {"privacy", "manipulation", "honesty", "harm", "secrets"},
    "honesty": {"advice", "illegality", "promises", "manipulation", "bias"},
    "bias": {"tone"},
    "privacy": {"illegality", "manipulation", "secrets"},
    "manipulation": {"illegality", "privacy", "honesty", "harm", "promises", "tone"},
    "promises": {"internal_figures", "honesty"},
    "internal_figures": {"promises", "secrets"},
    "blame": {"tone"},
    "secrets": {"privacy", "internal_figures"},
    "advice": {"harm", "illegality", "honesty"},
    "tone": {"blame", "bias"},
}


@dataclass
class Row:
    """One sentence: the family it belongs to (None: none), the facet it breaks (None: it breaks nothing), its text."""

    origin: str
    family: str | None
    facet: str | None
    text: str
    number: int
    noticed: frozenset[str]


def load_examples(ident: str) -> dict:
    """One file of data/examples, checked. Raises ConceptError that says what to mend."""
    path = EXAMPLES / f"{ident}.json"
    data = concepts.load(path)
    facets = {facet["id"] for facet in concepts.source(ident)["facets"]}
    for key in ("family", "breaks", "passes"):
        if key not in data:
            raise ConceptError(f'examples/{path.name}: "{key}" is missing')
    for facet, sentences in data["breaks"].items():
        if facet not in facets:
            raise ConceptError(
                f'examples/{path.name}: "{facet}" is not a facet of {ident}: use one of {", ".join(sorted(facets))}'
            )
        if not all(isinstance(s, str) and s.strip() for s in sentences):
            raise ConceptError(f"examples/{path.name}, {facet}: the list must hold sentences that are not empty")
    return data


def all_rows() -> list[Row]:
    """Every training sentence."""
    rows: list[Row] = []
    for ident in concepts.FAMILIES:
        data = load_examples(ident)
        for facet, sentences in data["breaks"].items():
            for text in sentences:
                rows += _rows("example", ident, facet, text, None)
        for text in data["passes"]:
            rows += _rows("example", ident, None, text, None)
    for text in concepts.load(EXAMPLES / "harmless.json")["passes"]:
        rows += _rows("harmless", None, None, text, None)
    for case in json.loads((DATA / "labelled" / "tune.json").read_text(encoding="utf-8")):
        rows += _rows(case["id"], case["family"], "", case["text"], case["quote"] or "")
    for path in library_files():
        for entry in json.loads(path.read_text(encoding="utf-8")):
            texts = [draft["text"] for draft in entry["drafts"] if not draft["violates"]]
            for text in texts + [entry[key] for key in ("revision",) if entry.get(key)]:
                rows += _rows("library", None, None, text, None)
    for part in ("instead", "alone"):  # what the reviser puts in place of an offending sentence must pass everything
        for texts in alternatives()[part].values():
            for text in texts:
                rows += _rows("library", None, None, text, None)
    return rows


def library_files() -> list[Path]:
    """The library's files to learn from."""
    return [path for path in sorted((DATA / "library").glob("*.json")) if path.name != NOT_LEARNED]


def _rows(origin: str, family: str | None, facet: str | None, text: str, quote: str | None) -> list[Row]:
    document = read(text)
    rows = []
    for sentence, noticed in zip(document.sentences, features.of_document(document), strict=False):
        broken = facet
        if quote is not None:
            broken = facet if quote and (quote in sentence.text or sentence.text in quote) else None
        rows.append(Row(origin, family, broken, text, sentence.number, frozenset(noticed)))
    return rows


def inputs(rows: list[Row], ident: str) -> list[frozenset[str]]:
    """The features of every row for one family: what is noticed, the family's clues, and "sign"."""
    family = concepts.family(ident)
    known: dict[str, tuple] = {}
    out = []
    strange = tuple(f"{mark}:{other}_" for other in concepts.FAMILIES if other != ident for mark in ("c", "nc"))
    for row in rows:
        if row.text not in known:
            known[row.text] = evidence(family, read(row.text))
        signed, clued = known[row.text]
        extra = set(clued.get(row.number, ()))
        if row.number in signed:
            extra.add("sign")
        out.append(frozenset(name for name in row.noticed if not name.startswith(strange)) | extra)
    return out


def target(row: Row, ident: str) -> tuple[int, float]:
    """(1 when the row breaks the family, else 0; how much the row counts)."""
    if row.family == ident:
        return (1, 3.0) if row.facet is not None else (0, 2.0)
    if row.facet is not None:
        return (0, 0.0) if row.family in NEIGHBOURS[ident] else (0, 0.6)
    return 0, 3.0 if row.origin == "library" else 1.0


def fit(data: list[tuple[list[int], int, float]], size: int) -> tuple[list[float], float]:
    """Logistic regression with a square penalty, by Newton steps on one weight at a time: (weights, bias)."""
    columns: list[list[int]] = [[] for _ in range(size + 1)]
    for at, (found, _, _) in enumerate(data):
        for name in (*found, size):
            columns[name].append(at)
    labels, shares = [row[1] for row in data], [row[2] for row in data]
    weight, margins = [0.0] * (size + 1), [0.0] * len(data)
    slopes = [share * (0.5 - label) for label, share in zip(labels, shares, strict=False)]
    bends = [0.25 * share for share in shares]
    for _ in range(ROUNDS):
        for name, column in enumerate(columns):
            slope = PENALTY * weight[name] + sum(map(slopes.__getitem__, column))
            bend = PENALTY + sum(map(bends.__getitem__, column))
            step = max(-1.0, min(1.0, -slope / bend))
            if abs(step) < 0.002:
                continue
            weight[name] += step
            for at in column:
                margins[at] += step
                chance = 1.0 / (1.0 + math.exp(-margins[at]))
                slopes[at] = shares[at] * (chance - labels[at])
                bends[at] = shares[at] * chance * (1.0 - chance)
    return weight[:size], weight[size]


def _places(rows: Iterable[Collection[str]]) -> dict[str, int]:
    """Feature -> column, for the features that occur more than once."""
    counts = Counter(name for found in rows for name in found)
    return {name: at for at, name in enumerate(sorted(name for name in counts if counts[name] > 1))}


def _kept(weight: list[float], place: dict[str, int]) -> dict[str, float]:
    return {name: round(weight[at], 2) for name, at in place.items() if abs(weight[at]) >= KEEP}


def train(rows: list[Row], noticed: list[frozenset[str]], ident: str) -> weights.Weights:
    """Weights of one family from these rows."""
    place = _places(noticed)
    data = []
    for row, found in zip(rows, noticed, strict=False):
        label, share = target(row, ident)
        if share:
            data.append((sorted(place[name] for name in found if name in place), label, share))
    weight, bias = fit(data, len(place))
    kept = _kept(weight, place)
    kept.pop("sign", None)
    sign = max(weight[place["sign"]] if "sign" in place else 0.0, 0.0)
    return weights.Weights(round(bias + LEAN, 3), round(sign, 3), kept, _facets(rows, noticed, ident))


def _facets(rows: list[Row], noticed: list[frozenset[str]], ident: str) -> dict[str, dict[str, float]]:
    """For each facet: how much more often a feature occurs in its examples than in those of the family's others."""
    groups: dict[str, list[frozenset[str]]] = {}
    for row, found in zip(rows, noticed, strict=False):
        if row.family == ident and row.facet:
            groups.setdefault(row.facet, []).append(found)
    every = Counter(name for group in groups.values() for found in group for name in found)
    total = sum(len(group) for group in groups.values())
    out: dict[str, dict[str, float]] = {}
    for facet, group in sorted(groups.items()):
        here = Counter(name for found in group for name in found)
        out[facet] = {}
        for name in sorted(every):
            if every[name] > 1 and name[:2] in ("w:", "c:", "cl", "k:", "nw"):
                usual = (every[name] + 0.4) / (total + 0.8)
                share = math.log((here[name] + FEW * usual) / (len(group) + FEW) / usual)
                if abs(share) > 0.6:
                    out[facet][name] = round(share, 2)
    return out


def learn_wordings() -> dict[str, dict]:
    """Weights that tell a principle's family from its wording; "none" stands for a principle outside the twelve."""
    lines = (EXAMPLES / "principles.txt").read_text(encoding="utf-8").splitlines()
    rows = [
        (tag.partition(":")[0], wordings.noticed(Document(text))) for tag, _, text in (x.partition("\t") for x in lines)
    ]
    place = _places(found for _, found in rows)
    made = {}
    for ident in (*concepts.FAMILIES, wordings.NONE):
        data = [
            ([place[n] for n in sorted(found) if n in place], int(tag == ident), 3.0 if tag == ident else 1.0)
            for tag, found in rows
        ]
        weight, bias = fit(data, len(place))
        made[ident] = {"bias": round(bias, 3), "features": _kept(weight, place)}
    return made


def fingerprint() -> str:
    """A short mark of everything that the weights are made from."""
    mark = hashlib.sha256()
    folders = [concepts.FOLDER, EXAMPLES]
    single = [DATA / "labelled" / "tune.json", EXAMPLES / "principles.txt", DATA / "alternatives.json"]
    files = sorted([p for folder in folders for p in folder.glob("*.json")] + library_files())
    for path in [*files, *single]:
        mark.update(path.name.encode() + path.read_text(encoding="utf-8").encode())
    return mark.hexdigest()[:16]


def save(ident: str, made: weights.Weights, mark: str) -> None:
    """Write data/weights/<family>.json."""
    weights.FOLDER.mkdir(exist_ok=True)
    data = {"made_from": mark, "bias": made.bias, "sign": made.sign, "features": made.features, "facets": made.facets}
    (weights.FOLDER / f"{ident}.json").write_text(
        json.dumps(data, indent=0, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )


def main(idents: list[str]) -> None:
    """Train and write the families named, or all."""
    rows, mark = all_rows(), fingerprint()
    if not idents:
        wordings.PATH.parent.mkdir(exist_ok=True)
        text = json.dumps({"made_from": mark, "families": learn_wordings()}, indent=0, sort_keys=True) + "\n"
        wordings.PATH.write_text(text, encoding="utf-8")
        print("principles: done")
    for ident in idents or concepts.FAMILIES:
        made = train(rows, inputs(rows, ident), ident)
        save(ident, made, mark)
        print(f"{ident}: {len(made.features)} features, sign {made.sign:+.2f}, bias {made.bias:+.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
