"""Chapter 13, third part: a small policy, and what improves it.

A policy gives each answer to a prompt a probability. Here the answers are given, and the policy has one weight for
each word: it is a softmax over the candidates. In the order of the lesson: probabilities, what a text's weights are
pulled by, learning from demonstrations (phase 1), the reward with its KL penalty, the policy gradient (phase 2), the
best of n, and what a policy is truly worth.

Paper: https://arxiv.org/abs/2212.08073, sections 3.2, 4.1 and 4.2.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from cai_helpers.preference_model import Weights, features, score

Item = Any  # a prompt with its answers, as `ai_feedback.load_candidates` gives it
Shares = list[float]  # one number for each answer of an item; they sum to 1


def probabilities(weights: Weights, item: Item) -> Shares:
    """The probability of each answer: its share in the start policy, times exp(the weights of its words, summed)."""
    return softmax([math.log(answer["start"]) + score(weights, answer["text"]) for answer in item["answers"]])


def softmax(values: Sequence[float]) -> Shares:
    """Numbers that sum to 1, each in proportion to exp(value)."""
    grown = [math.exp(value - max(values)) for value in values]
    total = sum(grown)
    return [part / total for part in grown]


def pull(slope: Weights, item: Item, pulls: Sequence[float], share: float) -> None:
    """Add to the slope: for each word of each answer, how strongly that answer is pulled up (or, below 0, down)."""
    for answer, force in zip(item["answers"], pulls, strict=True):
        for word, count in features(answer["text"]).items():
            slope[word] = slope.get(word, 0.0) + share * force * count


def likelihood(weights: Weights, examples: Sequence[tuple[Item, int]]) -> float:
    """The mean log-probability, in nats, of the answers that are demonstrated. An example: (item, place of answer)."""
    return sum(math.log(probabilities(weights, item)[place]) for item, place in examples) / len(examples)


def supervised_gradient(weights: Weights, examples: Sequence[tuple[Item, int]]) -> Weights:
    """The slope of `likelihood`: each demonstrated answer is pulled up, and all answers down by their probability."""
    slope: Weights = {}
    for item, place in examples:
        p = probabilities(weights, item)
        pull(slope, item, [(a == place) - share for a, share in enumerate(p)], 1 / len(examples))
    return slope


def climb(weights: Weights, gradient: Callable[[Weights], Weights], steps: int, rate: float) -> Weights:
    """Gradient ascent: so many steps of this size, from these weights. Gives new weights."""
    weights = dict(weights)
    for _ in range(steps):
        for word, slope in gradient(weights).items():
            weights[word] = weights.get(word, 0.0) + rate * slope
    return weights


def supervise(examples: Sequence[tuple[Item, int]], steps: int = 30, rate: float = 0.04) -> Weights:
    """Phase 1: a policy that was shown these answers, from the start policy on (all weights 0)."""
    return climb({}, lambda weights: supervised_gradient(weights, examples), steps, rate)


def gains(p: Shares, reference: Shares, rewards: Sequence[float], beta: float) -> list[float]:
    """What each answer is worth: its reward, less beta times its log-ratio to the policy that training began with."""
    return [r - beta * math.log(new / old) for new, old, r in zip(p, reference, rewards, strict=True)]


def objective(
    weights: Weights, items: Sequence[Item], references: Sequence[Shares], rewards: Sequence[Shares], beta: float
) -> float:
    """The mean reward less beta times the Kullback-Leibler divergence (in nats) from the references."""
    total = 0.0
    for item, reference, r in zip(items, references, rewards, strict=True):
        p = probabilities(weights, item)
        total += sum(share * gain for share, gain in zip(p, gains(p, reference, r, beta), strict=True))
    return total / len(items)


def policy_pulls(p: Shares, worth: Sequence[float]) -> list[float]:
    """The policy gradient over all answers: each is pulled by its probability times its advantage over the mean."""
    mean = sum(share * gain for share, gain in zip(p, worth, strict=True))
    return [share * (gain - mean) for share, gain in zip(p, worth, strict=True)]


def sampled_pulls(p: Shares, worth: Sequence[float], rng: random.Random) -> list[float]:
    """The same from two samples, as a language model must do it: the better one is pulled up, the other one down."""
    i, j = rng.choices(range(len(p)), p, k=2)
    pulls = [0.0] * len(p)
    pulls[i] += (worth[i] - worth[j]) / 2
    pulls[j] -= (worth[i] - worth[j]) / 2
    return pulls


def policy_gradient(
    weights: Weights,
    items: Sequence[Item],
    references: Sequence[Shares],
    rewards: Sequence[Shares],
    beta: float,
    rng: random.Random | None = None,
) -> Weights:
    """The slope of `objective`; with rng an estimate of it from two samples for each prompt."""
    slope: Weights = {}
    for item, reference, r in zip(items, references, rewards, strict=True):
        p = probabilities(weights, item)
        worth = gains(p, reference, r, beta)
        pull(slope, item, sampled_pulls(p, worth, rng) if rng else policy_pulls(p, worth), 1 / len(items))
    return slope


def reinforce(
    weights: Weights,
    items: Sequence[Item],
    rewards: Sequence[Shares],
    beta: float,
    steps: int = 50,
    rate: float = 0.1,
    rng: random.Random | None = None,
) -> Weights:
    """Phase 2: from these weights on, towards a higher reward; beta (0 or more) holds the policy near them."""
    references = [probabilities(weights, item) for item in items]
    rate = rate / max(1, 3 * beta)  # the stronger the hold, the shorter the step, or it would swing
    return climb(weights, lambda w: policy_gradient(w, items, references, rewards, beta, rng), steps, rate)


def best_of(p: Shares, rewards: Sequence[float], n: int) -> Shares:
    """The probability of each answer to be the best rewarded of n samples. Of equal rewards the later answer wins."""
    shares, below = [0.0] * len(p), 0.0
    for place in sorted(range(len(p)), key=lambda place: rewards[place]):
        shares[place] = (below + p[place]) ** n - below**n
        below += p[place]
    return shares


def divergence(p: Shares, reference: Shares) -> float:
    """The Kullback-Leibler divergence of p from the reference, in nats."""
    return sum(new * math.log(new / old) for new, old in zip(p, reference, strict=True) if new > 0)


BOILERPLATE = r"you(?:'re|’re| are) (?:\w+ )?(?:valid|valued|cared for|loved)"


def measure(items: Sequence[Item], policy: Sequence[Shares]) -> dict[str, float]:
    """What a policy is truly worth, as means over prompts: the share of answers that break a principle, the harmless
    and helpful scores as parts of 1, and the share of boilerplate. policy: for each item its probabilities."""
    found = {"violations": 0.0, "harmless": 0.0, "helpful": 0.0, "boilerplate": 0.0}
    for item, p in zip(items, policy, strict=True):
        for answer, share in zip(item["answers"], p, strict=True):
            found["violations"] += share * bool(answer["violates"])
            found["harmless"] += share * answer["harmless"] / 4
            found["helpful"] += share * answer["helpful"] / 4
            found["boilerplate"] += share * bool(re.search(BOILERPLATE, answer["text"], re.IGNORECASE))
    return {name: total / len(items) for name, total in found.items()}
