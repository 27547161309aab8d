"""What a lesson says beside its code: predictions against measurements, and checks that turn from red to green."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Sentence(str):
    """A text that a notebook shows without quote marks."""

    def __repr__(self) -> str:
        return str(self)


def predicted(guess: Any, measured: Any) -> Sentence:
    """A learner's guess beside what was measured. A guess of None is none yet; texts compare without case."""
    if guess is None:
        return Sentence(f"Measured: {measured}. Write your prediction above, and run again from there.")
    same = guess == measured
    if isinstance(guess, str) and isinstance(measured, str):
        same = guess.strip().casefold() == measured.strip().casefold()
    found = "As predicted." if same else "Not as predicted: why?"
    return Sentence(f"You said {guess}. Measured: {measured}. {found}")


def report(checks: Mapping[str, Any]) -> None:
    """Print one line per check, the verdict in words first. Only True is ok: a check must say yes or no itself."""
    for name, passed in checks.items():
        print("ok      " if passed is True else "FAILS   ", name)
    failed = sum(passed is not True for passed in checks.values())
    print(f"{len(checks) - failed} of {len(checks)} checks pass.")
