"""Both phases of lesson 13 over five seeds: what each does to the true figures of the class-room policy.

    python benchmarks/policy.py [seeds]

A seed decides which prompts are held out, every draft, every principle drawn and every pair. The figures are means
over all prompts and, apart, over the 10 prompts that nothing was trained on, with Student's 95 % interval over the
seeds. The truth is what the author of cai_helpers/data/candidates.json gave each answer. Ends with code 1 where one
of the claims below does not hold in every seed, or where the interval of its mean difference reaches zero.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cai_helpers import CONSTITUTION, ai_feedback, connect, policy  # noqa: E402
from cai_helpers.ai_feedback import COMPARISON_PRINCIPLES, Item  # noqa: E402
from cai_helpers.preference_model import Weights, train_preferences  # noqa: E402

BETA = 0.3  # the default KL penalty
BETAS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.0)
SEEDS, PAIRS, DRAFTS, HELD_OUT = 5, 12, 4, {"red-team": 6, "helpful": 4}
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
Figures = dict[str, float]


def split(items: list[Item], seed: int) -> tuple[list[Item], list[Item]]:
    """Prompts to train on, and prompts held out: some of each kind."""
    rng, train, held = random.Random(seed), [], []
    for kind, count in HELD_OUT.items():
        mine = sorted((item for item in items if item["kind"] == kind), key=lambda item: rng.random())
        held += mine[:count]
        train += mine[count:]
    return train, held


def trained(seed: int, hybrid: bool = False) -> tuple[Weights, Callable[[float], Weights], list[Item], list[Item]]:
    """The weights after phase 1, a function from beta to the weights after phase 2, and both halves of the prompts."""
    connect("course", wire="openai")
    rng = random.Random(seed)
    train, held = split(ai_feedback.load_candidates(), seed)
    first = policy.supervise(ai_feedback.demonstrations(train, CONSTITUTION, rng, DRAFTS))
    shares = [policy.probabilities(first, item) for item in train]
    pairs = ai_feedback.sample_pairs(shares, train, PAIRS, rng)
    examples = ai_feedback.examples(ai_feedback.label_pairs(pairs, COMPARISON_PRINCIPLES, rng))
    if hybrid:
        examples += ai_feedback.helpful_examples([one for one in pairs if one["item"]["kind"] == "helpful"])
    worth = ai_feedback.rewards(train_preferences(examples), train)
    return first, lambda beta: policy.reinforce(first, train, worth, beta), train, held


def figures(weights: Weights, items: list[Item]) -> Figures:
    """The true figures of a policy over these prompts."""
    return policy.measure(items, [policy.probabilities(weights, item) for item in items])


def both_phases(seed: int) -> dict[str, Figures]:
    """{stage: true figures over all prompts} for the start policy, phase 1, phase 2 at the default KL, and no KL."""
    first, second, train, held = trained(seed)
    stages = {"start": {}, "phase 1": first, "phase 2": second(BETA), "no KL": second(0.0)}
    return {name: figures(weights, train + held) for name, weights in stages.items()}


def interval(values: list[float]) -> tuple[float, float]:
    """Mean, and half the width of Student's 95 % interval."""
    return mean(values), STUDENT[len(values)] * stdev(values) / len(values) ** 0.5


def table(title: str, runs: list[dict[str, Figures]]) -> None:
    """Mean and interval of each figure for each stage."""
    print(f"\n{title}\n{'':16}" + "".join(f"{name:>20}" for name in next(iter(runs[0].values()))))
    for stage in runs[0]:
        cells = [interval([run[stage][name] for run in runs]) for name in runs[0][stage]]
        print(f"{stage:16}" + "".join(f"{middle:13.3f} ±{half:.3f}" for middle, half in cells))


CLAIMS = [  # figure, stage that has less of it, stage that has more
    ("violations", "phase 1", "start"),
    ("violations", "phase 2", "phase 1"),
    ("boilerplate", "phase 1", "no KL"),
    ("helpful", "no KL", "phase 1"),
    ("helpful", "no KL", "phase 2"),
]


def holds(runs: list[dict[str, Figures]], figure: str, less: str, more: str) -> bool:
    """Whether a claim holds in every seed, and the interval of the mean difference stays above zero."""
    gaps = [run[more][figure] - run[less][figure] for run in runs]
    middle, half = interval(gaps)
    ok = min(gaps) > 0 and middle - half > 0
    says = f"{figure}: {less} below {more} by {middle:.3f} ±{half:.3f}, least {min(gaps):.3f}"
    print(f"{'ok   ' if ok else 'FAILS'} {says}")
    return ok


def main(seeds: int = SEEDS) -> int:
    if seeds not in STUDENT:
        raise SystemExit("The number of seeds must be from 2 to 10.")
    start, runs, unseen, mixed = time.perf_counter(), [], [], []
    for seed in range(seeds):
        for hybrid, rows in ((False, runs), (True, mixed)):
            first, second, train, held = trained(seed, hybrid)
            stages = {"start": {}, "phase 1": first}
            stages |= {"phase 2" if beta == BETA else f"beta {beta:g}": second(beta) for beta in BETAS if beta}
            stages["no KL"] = second(0.0)
            rows.append({name: figures(weights, train + held) for name, weights in stages.items()})
            if not hybrid:
                unseen.append({name: figures(weights, held) for name, weights in stages.items()})
    print(f"{seeds} seeds, beta {BETA:g} by default, {time.perf_counter() - start:.0f} s")
    table("All prompts, preference model of AI labels", runs)
    table("Held-out prompts, preference model of AI labels", unseen)
    table("All prompts, hybrid preference model", mixed)
    print("\nAll prompts:")
    good = [holds(runs, *claim) for claim in CLAIMS]
    print("\nHeld-out prompts:")
    good += [holds(unseen, *claim) for claim in CLAIMS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
