"""The critic: an opinion on each principle, from the judge's findings and the switches that blur them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from . import library
from .chance import Roll
from .rulebook import Principle
from .switches import Switches
from .understand import Task

SENTENCE_END = re.compile(r"(?<=[.!?])[\"'\u201d)]*\s+|\n+")


@dataclass(frozen=True)
class Opinion:
    """`violated` is None when the critic cannot judge the principle."""

    principle: Principle
    violated: bool | None
    quotes: tuple[str, ...]
    reason: str


def opinions(task: Task, switches: Switches, temperature: float | None, roll: Roll) -> list[Opinion]:
    """One opinion per principle of the task, in its order."""
    missed = min(0.9, switches.dilution * (len(task.principles) - 1))
    found = []
    for number, principle in enumerate(task.principles):
        opinion = _look(task, principle, switches)
        if opinion.violated and roll(f"dilution:{number}") < missed:
            opinion = replace(opinion, violated=False, quotes=(), reason=_FINE[0])
        found.append(_shake(opinion, task, switches, temperature, roll, number))
    return found


def _look(task: Task, principle: Principle, switches: Switches) -> Opinion:
    """What the judge finds, unless the reply talked the critic out of looking."""
    from .judge import judge

    if task.dictated and switches.injectable:
        return Opinion(principle, False, (), "The text itself says that there is nothing to find.")
    verdict = judge(task.draft, principle.text, task.prompt)
    if verdict["verdict"] == "UNCLEAR":
        return Opinion(principle, None, (), verdict["reason"])
    entry = library.of_draft(task.draft) if switches.blind_spots else None
    blind = entry is not None and entry.id in switches.blind_spots
    seen = [f for f in verdict["findings"] if not blind and f["family"] not in switches.blind_spots]
    quotes = tuple(dict.fromkeys(finding["quote"] for finding in seen))
    if verdict["findings"] and not seen:
        return Opinion(principle, False, (), _FINE[0])
    return Opinion(principle, bool(seen), quotes, verdict["reason"])


_FINE = ("Nothing in the text goes against the principle.", "On a second look the text stays within the principle.")


def _shake(
    opinion: Opinion, task: Task, switches: Switches, temperature: float | None, roll: Roll, number: int
) -> Opinion:
    """Sampling noise: with temperature t a verdict flips with probability critic_noise * t**3."""
    chance = switches.critic_noise * (temperature or 0.0) ** 3
    if opinion.violated is None or roll(f"flip:{number}") >= chance:
        return opinion
    if opinion.violated:
        return replace(opinion, violated=False, quotes=(), reason=_FINE[1])
    first = next((piece.strip() for piece in SENTENCE_END.split(task.draft) if piece.strip()), "")
    return replace(
        opinion,
        violated=True,
        quotes=(first,) if first else (),
        reason="This could be read as going against the principle.",
    )
