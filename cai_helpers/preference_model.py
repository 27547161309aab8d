"""Chapter 13, second part: a preference model, trained on labels, that gives one answer one number.

In the order of the lesson: a text as counts of words, the score and the chance of winning (Bradley and Terry, 1952),
the loss on soft targets, its gradient, the training, and what the model is worth on pairs that it has not seen.
It never reads the constitution: what it knows of it stands in the labels (paper, section 4.1).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

Weights = dict[str, float]


class Example(NamedTuple):
    """Two texts and the target: the probability, from 0 to 1, that the first one is better."""

    a: str
    b: str
    target: float


@lru_cache(maxsize=4096)
def features(text: str) -> Weights:
    """{word: how often it stands in the text}, in the order of first use. Not to be changed: it is kept and shared."""
    return dict(Counter(re.findall(r"[a-z']+", text.lower().replace("’", "'"))))


def score(weights: Weights, text: str) -> float:
    """The reward of a text: the weights of its words, summed. Any number; only differences mean something."""
    return sum(weights.get(word, 0.0) * count for word, count in features(text).items())


def chance(weights: Weights, a: str, b: str) -> float:
    """The probability that a is better than b: the logistic function of the difference of their scores."""
    return logistic(score(weights, a) - score(weights, b))


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def loss(weights: Weights, examples: Sequence[Example], decay: float) -> float:
    """The mean cross-entropy between targets and chances, in nats, and the penalty on large weights."""
    total = 0.0
    for a, b, target in examples:
        x = score(weights, a) - score(weights, b)
        total += max(x, 0) - target * x + math.log1p(math.exp(-abs(x)))  # -t log p - (1 - t) log(1 - p)
    return total / len(examples) + decay / 2 * sum(w * w for w in weights.values())


def difference(a: str, b: str) -> Weights:
    """The features of a less those of b; words that stand as often in both are gone."""
    one, other = features(a), features(b)
    counts = {word: one.get(word, 0) - other.get(word, 0) for word in {**one, **other}}
    return {word: count for word, count in counts.items() if count}


def gradient(weights: Weights, examples: Sequence[tuple[Weights, float]], decay: float) -> Weights:
    """The slope of `loss` in each weight. examples: (difference of the features, target)."""
    slope = {word: decay * w for word, w in weights.items()}
    for x, target in examples:
        error = logistic(sum(weights[word] * count for word, count in x.items())) - target
        for word, count in x.items():
            slope[word] += error * count / len(examples)
    return slope


def train_preferences(
    examples: Sequence[Example], decay: float = 0.02, steps: int = 80, enough: float = 1e-4
) -> Weights:
    """The weights of the smallest loss: gradient descent with Nesterov's momentum, until no slope is above `enough`.

    decay: how much large weights cost. ValueError for no examples."""
    if not examples:
        raise ValueError("There is nothing to learn from: the list of examples is empty.")
    pairs = [(difference(a, b), target) for a, b, target in examples]
    weights: Weights = {word: 0.0 for x, _ in pairs for word in x}
    ahead, rate = dict(weights), 1 / steepest(pairs, decay)
    momentum = (1 - math.sqrt(rate * decay)) / (1 + math.sqrt(rate * decay))
    for _ in range(steps):
        slope = gradient(ahead, pairs, decay)
        if max(map(abs, slope.values()), default=0) < enough:
            break
        moved = {word: ahead[word] - rate * slope[word] for word in weights}
        ahead = {word: moved[word] + momentum * (moved[word] - weights[word]) for word in weights}
        weights = moved
    return weights


def steepest(pairs: Sequence[tuple[Weights, float]], decay: float) -> float:
    """No curve of the loss is steeper than this, so a step of 1 / steepest never overshoots."""
    sizes = [sum(count * count for count in x.values()) for x, _ in pairs]
    return sum(sizes) / len(sizes) / 4 + decay


def accuracy(weights: Weights, examples: Sequence[Example]) -> float:
    """The share of examples, ties in the target aside, in which the better text scores higher.

    ValueError where there is nothing but ties."""
    clear = [(a, b, target) for a, b, target in examples if target != 0.5]
    if not clear:
        raise ValueError("There is no example to count: all targets are ties.")
    right = [(score(weights, a) > score(weights, b)) == (target > 0.5) for a, b, target in clear]
    return sum(right) / len(right)
