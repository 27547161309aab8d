"""Chapter 10: a router that decides from prompt and draft whether the critics have to look.

In the order of the lesson: words, the pieces of a reply, their weights (TF-IDF, as scikit-learn's TfidfVectorizer with
sublinear_tf counts it), the score (logistic regression), what is never skipped, training on cases of your own, and
the estimate of what the router misses, from a random sample of what it skipped.

The shipped numbers in data/router.json are made by tools/train_router.py; a test compares them with scikit-learn's.
"""

from __future__ import annotations

import json
import math
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

from cai_helpers.constitution import Principle
from cai_helpers.scorecard import wilson

DATA = Path(__file__).parent / "data"
LETTERS = 6  # of a word: "promised", "promises" and "promising" begin alike
SHORT = 4  # pieces with fewer words say nothing without the question: "Yes, today."
LONG = 30  # words of a piece: in a longer one a few bad words would drown
PROMPT_PART = 0.3  # how much the prompt counts beside the reply
STRANGE = 0.5  # share of unknown words above which the router does not trust itself
EASE = 10.0  # of the weights: scikit-learn's C
WORD = re.compile(r"\d[\d.,]*|[^\W\d_]+(?:'[^\W\d_]+)?|[€$£%]")


class Numbers(TypedDict):
    """A text classifier. docs: how many texts it has seen. words: {feature: [in how many of them, its weight]}."""

    docs: int
    bias: float
    words: dict[str, list[float]]


class Row(TypedDict):
    """One training text. found: its features. label: 1 or 0. share: how much it counts."""

    found: Counter[str]
    label: int
    share: float


class MissRate(TypedDict):
    """Of the skipped requests: skipped, how many; sampled, how many of them were checked all the same; missed, how
    many of those broke a rule; unclear, how many could not be judged (not counted on either side).

    share: missed of the judged ones, None where there are none. interval: Wilson's, 95 %."""

    skipped: int
    sampled: int
    missed: int
    unclear: int
    share: float | None
    interval: tuple[float, float]


# ------------------------------------------------------------ words and pieces


def words(text: str) -> list[str]:
    """The words of a text, small and cut to six letters; a number is "#"."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Cf").lower().replace("’", "'")
    return ["#" if word[0].isdigit() else word[:LETTERS] for word in WORD.findall(text)]


def pieces(text: str) -> list[str]:
    """The sentences and lines of a reply; long ones in runs of words that overlap."""
    found = []
    for sentence in re.split(r"(?<=[.!?])[\"'”’)]*\s+|\n+", text):
        parts = sentence.split()
        starts = range(0, max(1, len(parts) - LONG // 3), LONG - LONG // 3) if len(parts) > LONG else range(1)
        found += [" ".join(parts[start : start + LONG]) if len(parts) > LONG else sentence for start in starts]
    return [piece for piece in found if words(piece)]


def features(prompt: str, piece: str) -> Counter[str]:
    """Words and pairs of words of a piece, and with "p:" the words of the prompt. Short pieces are read after it."""
    asked, said = words(prompt), words(piece)
    if said and len(said) < SHORT:
        said = [*asked, "|", *said]
    around = ["^", *said, "$"]
    pairs = [f"{one} {two}" for one, two in pairwise(around)] if said else []
    signs = [sign for sign in "?!" if sign in piece]
    return Counter([*said, *pairs, *signs, *(f"p:{word}" for word in asked)])


# ------------------------------------------------------------ from features to a score


def tfidf(found: Mapping[str, int], numbers: Numbers) -> dict[str, float]:
    """Feature -> value: 1 + ln(count), times how rare it is; reply and prompt each of length 1, and then weighed."""
    known = {name: count for name, count in found.items() if name in numbers["words"]}
    values = {name: (1 + math.log(count)) * rarity(name, numbers) for name, count in known.items()}
    for prompt, part in ((False, 1.0), (True, PROMPT_PART)):
        names = [name for name in values if name.startswith("p:") is prompt]
        length = math.sqrt(sum(values[name] ** 2 for name in names))
        values.update({name: values[name] / length * part for name in names})
    return values


def rarity(name: str, numbers: Numbers) -> float:
    """The smoothed idf: ln((1 + texts) / (1 + texts with it)) + 1."""
    return math.log((1 + numbers["docs"]) / (1 + numbers["words"][name][0])) + 1


def chance(margin: float) -> float:
    """The logistic function, from 0 to 1."""
    return 1 / (1 + math.exp(-margin)) if margin >= 0 else 1 - 1 / (1 + math.exp(margin))


def score_of(found: Mapping[str, int], numbers: Numbers) -> float:
    """The classifier's probability for one text."""
    values = tfidf(found, numbers)
    return chance(numbers["bias"] + sum(value * numbers["words"][name][1] for name, value in values.items()))


# ------------------------------------------------------------ the router


class Router:
    """Scores an exchange by the piece of the reply that looks worst. At `threshold` or above the critics look.

    recall: the share of violating cases that the threshold was chosen to catch, on cases not trained on. rules: tells
    rules that it was trained for from others, by their wording. own: texts of rules that it was retrained for."""

    def __init__(
        self, numbers: Numbers, threshold: float, recall: float, rules: Numbers | None = None, own: Iterable[str] = ()
    ):
        self.numbers, self.threshold, self.recall = numbers, threshold, recall
        self.rules, self.own = rules, {one_line(text) for text in own}
        self.known = {word for word in numbers["words"] if " " not in word and not word.startswith("p:")}

    @classmethod
    def load(cls, path: str | Path | None = None) -> Router:
        """The course's router, or one that was saved. ValueError where the file holds none."""
        file = Path(path) if path else DATA / "router.json"
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            return cls(kept["numbers"], kept["threshold"], kept["recall"], kept["rules"], kept["own"])
        except (OSError, ValueError, KeyError, TypeError):
            raise ValueError(f"{file.name} holds no router: give a file that Router.save has written.") from None

    def save(self, path: str | Path) -> None:
        """Write a JSON file that `load` reads."""
        kept = {"threshold": self.threshold, "recall": self.recall, "own": sorted(self.own)}
        kept |= {"numbers": self.numbers, "rules": self.rules}
        Path(path).write_text(json.dumps(kept, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")

    def score(self, prompt: str, draft: str) -> float:
        """From 0 (nothing to see) to 1: the highest score of a piece of the draft. A draft without words has 1."""
        return max((score for score, _ in self.scores(prompt, draft)), default=1.0)

    def scores(self, prompt: str, draft: str) -> list[tuple[float, str]]:
        """Score and words of every piece of the draft."""
        return [(score_of(features(prompt, piece), self.numbers), piece) for piece in pieces(draft)]

    def needs_critic(self, prompt: str, draft: str) -> bool:
        """Whether the critics have to look: for a high score, and for a text that the router cannot read."""
        return self.score(prompt, draft) >= self.threshold or self.strange(draft) > STRANGE

    def strange(self, draft: str) -> float:
        """Share of the draft's words that the router has never seen: another language, code, words in disguise.
        It is taken from the strangest piece with four words or more."""
        shares = [share for piece in pieces(draft) if (share := self.unknown(piece)) is not None]
        return max([self.unknown(draft, 1) or 0.0, *shares])

    def unknown(self, text: str, least: int = SHORT) -> float | None:
        """Share of unknown words, or None where there are too few words to say."""
        found = words(text)
        return sum(word not in self.known for word in found) / len(found) if len(found) >= least else None

    def covers(self, constitution: Iterable[Principle]) -> bool:
        """Whether the router was trained for all of these rules. Where it was not, nothing may be skipped: it would
        let pass what it has never learned to see. `train(..., rules=...)` makes it cover rules of your own."""
        return not self.uncovered(constitution)

    def uncovered(self, constitution: Iterable[Principle]) -> list[str]:
        """Ids of the rules that it was not trained for."""
        return [rule["id"] for rule in constitution if not self.knows(rule["text"])]

    def knows(self, text: str) -> bool:
        """Whether a rule says what the router was trained for."""
        if one_line(text) in self.own:
            return True
        return self.rules is not None and score_of(features("", text), self.rules) >= 0.5

    def why(self, prompt: str, draft: str, most: int = 5) -> dict[str, Any]:
        """The decision in the open: score, threshold, the worst piece, its weightiest features, and strange words."""
        score, piece = max(self.scores(prompt, draft), default=(1.0, ""))
        values = tfidf(features(prompt, piece), self.numbers) if piece else {}
        parts = {name: round(value * self.numbers["words"][name][1], 2) for name, value in values.items()}
        return {
            "needs_critic": self.needs_critic(prompt, draft),
            "score": round(score, 4),
            "threshold": self.threshold,
            "piece": piece,
            "features": dict(sorted(parts.items(), key=lambda part: -abs(part[1]))[:most]),
            "strange": round(self.strange(draft), 2),
        }


# ------------------------------------------------------------ training


def load_exchanges(half: str = "measure") -> list[dict[str, Any]]:
    """The course's labelled exchanges of customer service. "tune" is to train on; "measure" was kept aside.

    Each: id, kind, prompt, reply, label ("VIOLATED" or "NOT VIOLATED"), rules (ids that are broken), quotes."""
    found: list[dict[str, Any]] = json.loads((DATA / "exchanges" / f"{half}.json").read_text(encoding="utf-8"))
    return found


def train(
    cases: list[dict[str, Any]],
    start: Router | None = None,
    recall: float = 0.99,
    rules: Iterable[Principle] = (),
    folds: int = 5,
    seed: int = 0,
) -> Router:
    """A router from labelled exchanges: prompt, reply, label, and quotes where known. Plain Python, some seconds.

    start: a router whose weights the new ones stay near; the course's needs a few dozen cases of yours, a new one
    hundreds. recall: the share of violating cases that the threshold must catch, measured on cases left out of the
    training in turn. rules: the rules that the cases are about. ValueError for cases that cannot be trained on."""
    check_cases(cases, recall, folds)
    order = list(range(len(cases)))
    random.Random(seed).shuffle(order)
    base = start.numbers if start else None
    left_out: list[tuple[float, int]] = []
    for fold in range(folds):
        others = [cases[at] for place, at in enumerate(order) if place % folds != fold]
        part = Router(learn(rows_of(others), base), 0.5, recall)
        left_out += [(case_score(part, cases[at]), is_bad(cases[at])) for at in order[fold::folds]]
    threshold = threshold_for([score for score, bad in left_out if bad], recall)
    if start:
        threshold = min(threshold, start.threshold)  # what it caught before it shall catch still
    own = [*(start.own if start else ()), *(rule["text"] for rule in rules)]
    return Router(learn(rows_of(cases), base), threshold, recall, start.rules if start else None, own)


def check_cases(cases: Any, recall: float, folds: int) -> None:
    """ValueError, in one sentence, for what cannot be trained on."""
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise ValueError('Cases are a list of dicts: {"prompt": ..., "reply": ..., "label": ...}.')
    for number, case in enumerate(cases, start=1):
        if not isinstance(case.get("prompt"), str) or not pieces(reply_of(case)):
            raise ValueError(f"Case number {number} needs a prompt and a reply with words in it.")
        if case.get("label") not in ("VIOLATED", "NOT VIOLATED"):
            raise ValueError(f'Case number {number}: label must be "VIOLATED" or "NOT VIOLATED".')
    if not 0 < recall <= 1 or folds < 2:
        raise ValueError("recall is a share above 0 and up to 1, and there are at least 2 folds.")
    if min(sum(map(is_bad, cases)), sum(not is_bad(case) for case in cases)) < folds:
        raise ValueError(f"Training needs at least {folds} cases that break a rule and {folds} that do not.")


def reply_of(case: Mapping[str, Any]) -> str:
    """The reply of a case, also where it is called text."""
    reply = case.get("reply", case.get("text"))
    return reply if isinstance(reply, str) else ""


def one_line(text: str) -> str:
    return " ".join(text.split())


def is_bad(case: Mapping[str, Any]) -> int:
    return int(case["label"] == "VIOLATED")


def case_score(router: Router, case: Mapping[str, Any]) -> float:
    return router.score(case["prompt"], reply_of(case))


def threshold_for(scores: Iterable[float], recall: float) -> float:
    """The highest threshold, in steps of 0.0001, that this share of the scores reaches."""
    ordered = sorted(scores)
    score = ordered[math.floor((1 - recall) * len(ordered) + 1e-9)] if recall > 0 else 1.0
    return math.floor(score * 10_000) / 10_000


def rows_of(cases: Iterable[dict[str, Any]]) -> list[Row]:
    """A row for every piece of every reply: 1 for the pieces that the quotes of a violating case name. Where it has no
    quotes all its pieces are 1, as none may be taken for harmless; the benign cases teach which of them are."""
    rows: list[Row] = []
    for case in cases:
        found = pieces(reply_of(case))
        quotes = [one_line(quote) for quote in case.get("quotes") or ()]
        named = [any(piece in quote or quote in piece for quote in quotes) for piece in map(one_line, found)]
        for piece, is_named in zip(found, named, strict=True):
            label = is_bad(case) and (is_named or not any(named))
            rows.append({"found": features(case["prompt"], piece), "label": int(label), "share": 1.0})
    return rows


def learn(rows: list[Row], start: Numbers | None = None, ease: float = EASE) -> Numbers:
    """Logistic regression with a square penalty, by Newton steps on one weight after the other.

    Without a start it is scikit-learn's LogisticRegression(C=ease) on TF-IDF values. With one, the penalty is on the
    distance from its weights, so that few cases correct them and do not replace them."""
    seen = Counter(name for row in rows for name in row["found"])
    old: dict[str, list[float]] = start["words"] if start else {}
    numbers: Numbers = {
        "docs": len(rows) + (start["docs"] if start else 0),
        "bias": start["bias"] if start else 0.0,
        "words": {
            name: [seen[name] + old.get(name, [0, 0])[0], old.get(name, [0, 0])[1]] for name in sorted({*seen, *old})
        },
    }
    texts = [tfidf(row["found"], numbers) for row in rows]
    columns: dict[str, list[tuple[int, float]]] = {"": [(at, 1.0) for at in range(len(rows))]}
    for at, values in enumerate(texts):
        for name, value in values.items():
            columns.setdefault(name, []).append((at, value))
    weight = {name: numbers["words"][name][1] if name else numbers["bias"] for name in columns}
    anchor = dict(weight)
    pull = {name: 1 / ease if name or start else 0.0 for name in columns}  # a new router's bias is free
    margins = [weight[""] + sum(value * weight[name] for name, value in values.items()) for values in texts]
    descend(columns, rows, margins, weight, lambda name: (pull[name], anchor[name]))
    numbers["bias"] = weight.pop("")
    for name, value in weight.items():
        numbers["words"][name][1] = value
    return numbers


def descend(
    columns: dict[str, list[tuple[int, float]]],
    rows: list[Row],
    margins: list[float],
    weight: dict[str, float],
    penalty: Callable[[str], tuple[float, float]],
    rounds: int = 200,
    tolerance: float = 1e-4,
) -> None:
    """Change `weight` until no step is larger than the tolerance. penalty: name -> (strength, towards which weight)."""
    for _ in range(rounds):
        largest = 0.0
        for name, column in columns.items():
            strength, towards = penalty(name)
            slope, bend = strength * (weight[name] - towards), strength
            for at, value in column:
                part = chance(margins[at])
                slope += rows[at]["share"] * value * (part - rows[at]["label"])
                bend += rows[at]["share"] * value * value * max(part * (1 - part), 0.05)  # steps stay small
            step = -slope / bend if bend else 0.0
            largest = max(largest, abs(step))
            weight[name] += step
            for at, value in column:
                margins[at] += step * value
        if largest < tolerance:
            return


# ------------------------------------------------------------ what it misses


def miss_rate(records: Iterable[Mapping[str, Any]]) -> MissRate:
    """How often what the router skips breaks a rule, from the random sample in an audit log that was checked after
    all. The estimate holds for skipped traffic, not for all traffic, and counts only what the critics can see."""
    routes = [(record.get("route"), set((record.get("verdicts") or {}).values())) for record in records]
    checked = [verdicts for route, verdicts in routes if route == "sampled"]
    missed = sum("VIOLATED" in verdicts for verdicts in checked)
    judged = missed + sum(verdicts == {"NOT VIOLATED"} for verdicts in checked)
    return {
        "skipped": sum(route in ("skipped", "sampled") for route, _ in routes),
        "sampled": len(checked),
        "missed": missed,
        "unclear": len(checked) - judged,
        "share": missed / judged if judged else None,
        "interval": wilson(missed, judged),
    }
