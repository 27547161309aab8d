"""The generator: finds the scenario a prompt asks for and says its draft; an unknown prompt gets an honest answer."""

from __future__ import annotations

import re

from . import library, lookup
from .chance import Roll
from .library import Entry
from .switches import Switches
from .understand import Task

EXAMPLES = ("Why is the sky blue?", "How do I start a campfire safely?", "What is Constitutional AI?")
_SAFETY = re.compile(
    r"\b(?:harmless|harmful|safe|safely|safety|unsafe|ethical|unethical|responsibl[ey]|refuse|decline|"
    r"principles?|rules?|constitution|polic(?:y|ies)|guidelines?|illegal|dangerous)\b",
    re.I,
)
_FORBIDS = re.compile(r"\b(?:must|should|may|do|does|can) not\b|\bnever\b|\bdon't\b|\bavoid\b|\bnot allowed\b", re.I)


def generate(task: Task, switches: Switches, temperature: float | None, roll: Roll) -> str:
    """The draft for the task's prompt.

    Without a temperature (or at 0) always the first draft; above it any of the scenario's drafts, the later ones
    with weight min(1, temperature) ** position.
    """
    match = lookup.find(task.prompt)
    if match is None:
        return unknown(task.prompt)
    entry = match.entry
    if entry.revision and has_safety_rules(task.system) and roll("system prompt") < switches.system_prompt_effect:
        return entry.revision
    return entry.drafts[_pick(len(entry.drafts), temperature or 0.0, roll)]


def has_safety_rules(system: str) -> bool:
    """Whether a system prompt itself tells the assistant what not to say."""
    from .judge import families_of

    for sentence in re.split(r"(?<=[.!?])\s+|\n+", system):
        if _SAFETY.search(sentence) or (_FORBIDS.search(sentence) and families_of(sentence)):
            return True
    return False


def _pick(count: int, temperature: float, roll: Roll) -> int:
    if temperature <= 0 or count == 1:
        return 0
    weights = [min(1.0, temperature) ** position for position in range(count)]
    point = roll("draft") * sum(weights)
    for position, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return position
    return count - 1


def unknown(prompt: str) -> str:
    """The honest answer: nothing is written for this prompt, and three prompts that are."""
    near = [match.entry for match in lookup.ranking(prompt, 6) if match.score > 0.2 and match.entry.kind == "benign"]
    near = [
        entry for entry in near if entry.prompt.endswith("?") and len(re.findall(r"[.!?](?= |$)", entry.prompt)) == 1
    ]
    known = {entry.prompt for entry in library.entries()}
    examples = [entry.prompt for entry in near] + [text for text in EXAMPLES if text in known] + _spare()
    chosen = list(dict.fromkeys(examples))[:3]
    listed = "\n".join(f"- {text}" for text in chosen)
    return (
        "The course model holds no written answer to this prompt. It is a small library of authored texts, not a "
        f"language model, so it does not guess. Three prompts it knows:\n{listed}"
    )


def _spare() -> list[str]:
    def plain(entry: Entry) -> bool:
        return entry.kind == "benign" and entry.twin is None

    return [entry.prompt for entry in library.entries() if plain(entry)][:3]
