"""Make cai_helpers/data/router.json: weights and threshold of the course's router, with scikit-learn.

    python tools/train_router.py

It learns from the tuning half of the exchanges, from the critic's example sentences of the six service families, from
the tuning half of the labelled cases, and from the library's prompts and revisions. The measuring halves are never
read here. What runs in the course is plain Python (cai_helpers/router.py); a test compares the two.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cai_helpers.router import (  # noqa: E402
    DATA,
    EASE,
    PROMPT_PART,
    Numbers,
    Router,
    case_score,
    features,
    is_bad,
    load_exchanges,
    pieces,
    threshold_for,
)

COURSE = ROOT / "cai_helpers" / "course_model" / "data"
FAMILIES = ("promises", "internal_figures", "blame", "secrets", "advice", "tone")
RECALL = 0.99
FOLDS = 5
KEEP = 6_000  # features of the reply: more would make the file larger than 200 kB
KEEP_RULES = 900
OFTEN = 25  # a word in so many texts stays, whatever its weight: the router must know which words it knows


class Text(NamedTuple):
    """One training text. share: how much it counts."""

    prompt: str
    piece: str
    label: int
    share: float


def read(*path: str) -> Any:
    return json.loads(COURSE.joinpath(*path).read_text(encoding="utf-8"))


def of_cases(cases: list[dict[str, Any]], share: float = 3.0) -> list[Text]:
    """Every piece of every reply, with 1 for those that the quotes name."""
    return [
        Text(case["prompt"], piece, int(any(q in piece or piece in q for q in case.get("quotes", ()))), share)
        for case in cases
        for piece in pieces(case["reply"])
    ]


def labelled() -> list[dict[str, Any]]:
    """The tuning half of the labelled cases of the service families, in the shape of the exchanges."""
    return [
        {"prompt": case["prompt"], "reply": case["text"], "quotes": [case["quote"]] if case["quote"] else []}
        for case in read("labelled", "tune.json")
        if case["family"] in FAMILIES
    ]


def sentences() -> list[Text]:
    """The critic's example sentences."""
    found = [Text("", s, 0, 1.0) for s in read("examples", "harmless.json")["passes"]]
    for family in FAMILIES:
        data = read("examples", f"{family}.json")
        found += [Text("", s, 1, 1.0) for facet in data["breaks"].values() for s in facet]
        found += [Text("", s, 0, 1.0) for s in data["passes"]]
    return [text for text in found if pieces(text.piece)]


def library() -> list[Text]:
    """Prompts that tempt and prompts that do not, alone; harmless drafts and revisions with their prompts."""
    found: list[Text] = []
    for family in (*FAMILIES, "everyday"):
        for entry in read("library", f"{family}.json"):
            tempts = int(entry["kind"] == "tempting")
            found += [Text(prompt, "", tempts, PROMPT_PART) for prompt in (entry["prompt"], *entry["phrasings"])]
            good = [draft["text"] for draft in entry["drafts"] if not draft["violates"]]
            good += [entry["revision"]] if entry.get("revision") else []
            found += of_cases([{"prompt": entry["prompt"], "reply": text} for text in good])
    return found


def reply_part(text: Text) -> list[str]:
    return [name for name in features(text.prompt, text.piece).elements() if not name.startswith("p:")]


def prompt_part(text: Text) -> list[str]:
    return [name for name in features(text.prompt, text.piece).elements() if name.startswith("p:")]


def vectorizer(names: list[str] | None = None, prompts: bool = True) -> FeatureUnion:
    """TF-IDF of the reply beside TF-IDF of the prompt, as router.tfidf counts it. names: the features to use.
    prompts: False where no text has a prompt."""

    def one(analyzer: Callable[[Text], list[str]], prompt: bool) -> TfidfVectorizer:
        if names is None:
            return TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, min_df=3 if prompt else 2)
        chosen = sorted(name for name in names if name.startswith("p:") is prompt)
        return TfidfVectorizer(analyzer=analyzer, sublinear_tf=True, vocabulary=chosen)

    parts = [("reply", one(reply_part, False))] + ([("prompt", one(prompt_part, True))] if prompts else [])
    return FeatureUnion(
        parts, transformer_weights={name: PROMPT_PART if name == "prompt" else 1.0 for name, _ in parts}
    )


def names_of(union: FeatureUnion) -> list[str]:
    """The features in the order of the columns."""
    return [str(name) for _, part in union.transformer_list for name in part.get_feature_names_out()]


def regression() -> LogisticRegression:
    return LogisticRegression(C=EASE, tol=1e-6, max_iter=2000)


def fit(texts: list[Text], keep: int) -> tuple[FeatureUnion, LogisticRegression]:
    """Vectorizer and regression on the features that weigh most."""
    shares = [text.share for text in texts]
    labels = [text.label for text in texts]
    prompts = any(text.prompt for text in texts)
    union = vectorizer(prompts=prompts)
    matrix = union.fit_transform(texts)
    first = regression().fit(matrix, labels, sample_weight=shares)
    energy = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    weight = np.abs(first.coef_[0]) * energy
    often = np.diff(matrix.tocsc().indptr) >= OFTEN
    names = names_of(union)
    plain = np.array([" " not in name for name in names])
    weight[often & plain] = np.inf
    chosen = [names[at] for at in np.argsort(-weight, kind="stable")[:keep]]
    union = vectorizer(chosen, prompts)
    matrix = union.fit_transform(texts)
    return union, regression().fit(matrix, labels, sample_weight=shares)


def numbers_of(union: FeatureUnion, model: LogisticRegression, texts: list[Text], digits: int = 4) -> Numbers:
    """The model as router.Numbers. Documents are counted again: scikit-learn keeps only their logarithm."""
    columns = union.transform(texts).tocsc()
    counts = np.diff(columns.indptr)
    words = {
        name: [int(counts[at]), round(float(model.coef_[0][at]), digits)] for at, name in enumerate(names_of(union))
    }
    bias = round(float(model.intercept_[0]), digits)
    return {"docs": len(texts), "bias": bias, "words": dict(sorted(words.items()))}


def train(exchanges: list[dict[str, Any]], others: list[Text]) -> Numbers:
    texts = [*others, *of_cases(exchanges)]
    return numbers_of(*fit(texts, KEEP), texts)


def rule_texts() -> list[Text]:
    """Wordings of principles: 1 for the service families, 0 for all others."""
    lines = (COURSE / "examples" / "principles.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return [Text("", text, int(tag.split(":")[0] in FAMILIES), 1.0) for tag, text in pairs]


def left_out(exchanges: list[dict[str, Any]], others: list[Text]) -> list[tuple[float, int]]:
    """Score and label of every exchange, by routers that have not seen it."""
    order = list(range(len(exchanges)))
    random.Random(0).shuffle(order)
    scores = []
    for fold in range(FOLDS):
        part = Router(train([exchanges[at] for n, at in enumerate(order) if n % FOLDS != fold], others), 0.5, RECALL)
        scores += [(case_score(part, exchanges[at]), is_bad(exchanges[at])) for at in order[fold::FOLDS]]
        print(f"fold {fold + 1} of {FOLDS}", flush=True)
    return scores


def main() -> None:
    exchanges = load_exchanges("tune")
    others = [*sentences(), *library(), *of_cases(labelled())]
    scores = left_out(exchanges, others)
    threshold = threshold_for([score for score, bad in scores if bad], RECALL)
    good = [score for score, bad in scores if not bad]
    print(f"left out: {sum(s < threshold for s in good) / len(good):.0%} of the benign exchanges skipped")
    rules = rule_texts()
    router = Router(train(exchanges, others), threshold, RECALL, numbers_of(*fit(rules, KEEP_RULES), rules))
    router.save(DATA / "router.json")
    size = (DATA / "router.json").stat().st_size
    print(f"{len(others)} texts and {len(exchanges)} exchanges; threshold {threshold}, {size} bytes")


if __name__ == "__main__":
    main()
