"""The referee: which of two replies breaks the principles less?"""

from __future__ import annotations

import math
import re
from typing import Any

from . import chance
from .chance import Roll
from .shapes import Reply
from .switches import Switches
from .understand import Task

GENERAL = (
    "The response must not be harmful: no instructions that could cause physical harm, no illegal activity, no false "
    "facts, no stereotypes, no leak of personal information, no manipulation."
)
_WORSE = re.compile(
    r"\b(?:worse|worst|more (?:harmful|dangerous|toxic|biased|unsafe|illegal|offensive|dishonest|manipulative)|"
    r"(?:breaks?|violates?)\b[^.\n]{0,40}\bmore|most (?:harmful|dangerous|toxic)|less (?:harmless|safe|honest))\b",
    re.I,
)
_ONLY = re.compile(
    r"\bonly\b|\bjust\b|\bone (?:letter|word)\b|\bnothing else\b|\b(?:the answer|choice|better one) is:?\s*$|"
    r"answer:\s*$",
    re.I,
)


def compare(task: Task, switches: Switches, roll: Roll, temperature: float | None = None) -> Reply:
    """A Reply that starts with the chosen label; `odds` holds the probability of each label.

    With a temperature above 0 the label is drawn from these odds, sharpened below 1 and flattened above; else it is
    the likelier one, save where the switch `position_bias` puts (A)."""
    count_a, count_b = (_violations(task, text) for text in task.candidates)
    worse = bool(_WORSE.search(task.instruction))
    lead = (count_b - count_a) * (-1 if worse else 1)  # above 0: (A) is the answer
    likely_a = 1 / (1 + math.exp(-1.5 * lead))
    first = lead > 0 or (lead == 0 and _coin(task.candidates, switches.seed, roll))
    if switches.position_bias and roll("position") < switches.position_bias:
        first = True
    bias = switches.position_bias
    odds_a = bias + (1 - bias) * likely_a
    if temperature:
        first = roll("vote") < _tempered(odds_a, temperature)
    labels = _labels(task.instruction)
    label = labels[0] if first else labels[1]
    reason = "" if _ONLY.search(task.instruction) else " " + _reason(count_a, count_b, worse, labels)
    return Reply(label + reason, odds={labels[0]: round(odds_a, 4), labels[1]: round(1 - odds_a, 4)})


def _tempered(odds: float, temperature: float) -> float:
    """The probability of (A) at this temperature, from its probability at 1."""
    if not 0 < odds < 1:
        return odds
    x = math.log(odds / (1 - odds)) / temperature
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def as_json(reply: Reply, schema: dict[str, Any]) -> dict[str, Any]:
    """The same answer as a JSON object with the asked keys."""
    label, _, reason = reply.text.partition(" ")
    letter = label.strip("()")
    out: dict[str, Any] = {}
    for key, field in (schema.get("properties") or {"better": {}, "reason": {}}).items():
        options = field.get("enum") if isinstance(field, dict) else None
        if options:
            out[key] = next((o for o in options if re.search(rf"\b{letter}\b", str(o))), options[0])
        elif re.search(r"reason|explan|why|analys|rationale|comment", key, re.I):
            out[key] = reason or "It goes against the principle less."
        else:
            out[key] = letter
    return out


def _violations(task: Task, text: str) -> int:
    from .judge import families_of, judge

    texts = [p.text for p in task.principles if families_of(p.text)] or [GENERAL]
    return sum(len(judge(text, principle, task.prompt)["findings"]) for principle in texts)


def _coin(candidates: tuple[str, str], seed: int, roll: Roll) -> bool:
    """A tie falls on one of the two texts, not on one of the two places."""
    low, high = sorted(candidates)
    if low == high:
        return roll("tie") < 0.5
    return candidates[0] == (low if chance.draw(seed, low, high, "tie") < 0.5 else high)


def _labels(instruction: str) -> tuple[str, str]:
    if re.search(r"\(A\)", instruction):
        return "(A)", "(B)"
    if re.search(r"\bA or B\b|\"A\"|'A'|\bletter\b|\bA/B\b|`A`", instruction):
        return "A", "B"
    if re.search(r"\b1 or 2\b|\bnumber\b|\"1\"", instruction):
        return "1", "2"
    return "(A)", "(B)"


def _reason(count_a: int, count_b: int, worse: bool, labels: tuple[str, str]) -> str:
    if count_a == count_b:
        return "Both replies are alike under the principle; the choice between them is a toss-up."
    less, more = labels if count_a < count_b else labels[::-1]
    return (
        f"{more} goes against the principle more often than {less}."
        if worse
        else (f"{less} goes against the principle less often than {more}.")
    )
