"""The listener: from an Ask to a Task. What is wanted, of which text, under which principles?

Cues are read from the instruction, never from material. The last user turn decides; earlier turns give the
draft and the critique when the last one only refers to them. What is neither critique, revision nor comparison
is a generation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from . import instruction, leftovers, rulebook, understand_turns
from .message import Message, keep_latest, read
from .rulebook import Principle
from .shapes import Ask, Turn

FamiliesOf = Callable[[str], list[str]]


@dataclass
class Task:
    """One understood request. `kind`: generate, critique, critique_all, revise or compare.

    `fenced` tells whether the draft stood between marks; `dictated` whether un-fenced text orders the critic
    to find nothing; `also_revise` whether a critique must bring a rewritten reply; `asked` how often the same request
    came before.
    """

    kind: str
    prompt: str = ""
    principles: list[Principle] = field(default_factory=list)
    kept: list[Principle] = field(default_factory=list)
    draft: str = ""
    fenced: bool = False
    candidates: tuple[str, str] = ("", "")
    critiques: str = ""
    instruction: str = ""
    system: str = ""
    dictated: bool = False
    also_revise: bool = False
    asked: int = 0


def understand(ask: Ask, families_of: FamiliesOf | None = None) -> Task:
    """The Task behind one Ask. `families_of` tells which families a sentence names (the judge's by default)."""
    families = families_of or _judge_families
    system = read(ask.system)
    leftovers.peel(system)
    task = Task("generate", system=ask.system)
    draft, critiques, first_prompt, found = "", "", "", system.principles()
    for number, turn in enumerate(ask.turns):
        if turn.role == "assistant":
            if task.kind in ("critique", "critique_all"):
                critiques += ("\n\n" if critiques else "") + turn.text
            elif task.kind != "compare":
                draft, critiques = turn.text, ""
            continue
        task = _one_turn(turn, system, draft, critiques, families, number > 0 and bool(draft))
        if task.kind == "generate" and not first_prompt:
            first_prompt = task.prompt
        if task.kind.startswith("critique") and not task.principles and not system.has("principle"):
            task.principles = _from_instruction(task, families)
        found = task.principles or found
    if task.kind != "generate":
        task.prompt = task.prompt or first_prompt
        task.principles = task.principles or found or _from_instruction(task, families)
        if task.kind == "critique" and len(task.principles) > 1:
            task.kind = "critique_all"
    task.system = ask.system
    return task


@lru_cache(maxsize=4096)
def _cached_families(text: str) -> tuple[str, ...]:
    from .judge import families_of

    return tuple(families_of(text, guess=False))  # most sentences are no principles


def _judge_families(text: str) -> list[str]:
    return list(_cached_families(text))


def _one_turn(turn: Turn, system: Message, draft: str, critiques: str, families: FamiliesOf, follows: bool) -> Task:
    """Understand one user turn; `draft` and `critiques` are what earlier turns left on the table."""
    reading = read(turn.text)
    leftovers.peel(reading)
    keep_latest(reading)
    own = instruction.wishes(reading.loose())
    if follows and not reading.has("draft") and not reading.has("material") and not reading.has("a"):
        wanted = understand_turns.wanted(turn.text, bool(critiques))
        if wanted and not (wanted == "critique" and reading.has("critique") and own.revision):
            bare = read(understand_turns.bare(turn.text))
            return _task(wanted, bare, system, draft, critiques, instruction.wishes(bare.loose()))
    system_role = instruction.is_critic_role(system.loose()) or (
        instruction.wishes(system.loose()).meta and (not instruction.is_generator_role(system.loose()))
    )
    if not reading.has("draft") and not (reading.has("a") and reading.has("b")):
        leftovers.find_loose_draft(reading, system_role, own)
    if own.revision and not own.meta and families(reading.loose()):
        own = own._replace(meta=True)
    kind = _kind(reading, system, own, system_role, follows)
    if kind == "generate":
        return Task("generate", prompt=_generation_prompt(turn.text, reading))
    if not reading.has("draft") and not reading.has("material") and kind != "compare" and not draft:
        return Task("generate", prompt=turn.text)
    return _task(kind, reading, system, draft, critiques, own)


def _generation_prompt(text: str, reading: Message) -> str:
    """The user's words; a lone tag or label around them ("Question: ...") is taken off."""
    wrapped = [part for part in reading.parts if part.slot == "prompt"]
    others = [part for part in reading.parts if part.slot != "prompt"]
    return wrapped[0].text.strip() if len(wrapped) == 1 and not others else text


def _kind(reading: Message, system: Message, own: instruction.Wishes, system_role: bool, follows: bool) -> str:
    """generate, critique, revise or compare: the user's own instruction first, then the system's."""
    if reading.has("a") and reading.has("b"):
        return "compare"
    has_draft = reading.has("draft") or reading.has("material")
    from_system = instruction.wishes(system.loose())
    ruled = any(reading.has(slot) or system.has(slot) for slot in ("principle", "critique"))
    if not has_draft and not follows:
        return "generate"
    if not has_draft and not (
        own.meta or (own.revision and re.search(r"\b(?:it|answer|reply|response|draft)\b", reading.loose(), re.I))
    ):
        return "generate"
    if own.verdict or own.revision:
        if own.meta or ruled or system_role or follows:
            return _critique_or_revise(reading, own)
        return "generate"
    if (from_system.verdict or from_system.revision) and (system_role or ruled):
        return _critique_or_revise(reading, from_system, from_instruction=system)
    if has_draft and system_role:
        return "critique"
    if reading.has("draft") and reading.has("critique"):
        return "revise"
    if reading.has("draft") and reading.has("principle"):
        return "critique"
    return "generate"


def _critique_or_revise(reading: Message, want: instruction.Wishes, from_instruction: Message | None = None) -> str:
    if want.verdict != want.revision:
        return "critique" if want.verdict else "revise"
    text = (from_instruction or reading).loose()
    if reading.has("critique") and instruction.offered_words(text) is None:
        return "revise"
    if re.search(
        r"\bif\b[^.\n]{0,80}\b(?:violat|break|broke)\w*[^.\n]{0,40}\b(?:rewrite|revise|fix|correct)", text, re.I
    ):
        return "critique" if instruction.offered_words(text) or "json" in text.lower() else "revise"
    judged = re.search(r"\b(?:json|verdict|first|explain|analy[sz]e|evaluate|quote|whether)\b", text, re.I)
    return "critique" if judged or instruction.offered_words(text) else "revise"


def _task(kind: str, reading: Message, system: Message, draft: str, critiques: str, own: instruction.Wishes) -> Task:
    drafts = [part for part in reading.parts if part.slot == "draft"] or [
        part for part in reading.parts if part.slot == "material"
    ]
    loose = reading.loose()
    task = Task(
        kind,
        prompt=reading.joined("prompt").strip(),
        principles=reading.principles(),
        kept=reading.principles("kept"),
        critiques=reading.joined("critique") or critiques,
        instruction=(system.loose() + "\n" + loose).strip(),
    )
    task.draft = "\n\n".join(part.text.strip("\r\n") for part in drafts) if drafts else draft
    if task.draft.strip() and all(line.startswith(">") for line in task.draft.split("\n") if line.strip()):
        task.draft = re.sub(r"^> ?", "", task.draft, flags=re.M)
    task.fenced = all(part.fenced for part in drafts) if drafts else False
    if kind == "compare":
        task.candidates = (reading.joined("a").strip(), reading.joined("b").strip())
    exposed = (
        loose
        + "\n"
        + "\n".join(
            part.text
            for part in reading.parts
            if not part.fenced and part.slot in ("draft", "material", "a", "b", "prompt")
        )
    )
    if not drafts:
        exposed += "\n" + draft
    task.dictated = instruction.dictates(exposed)
    task.also_revise = kind == "critique" and (
        own.revision
        or bool(
            re.search(
                r"\b(?:revised|rewritten|corrected|clean)[_ ](?:response|reply|version|answer|text|draft)",
                task.instruction,
                re.I,
            )
        )
    )
    return task


def _from_instruction(task: Task, families: FamiliesOf) -> list[Principle]:
    return rulebook.in_sentences(task.instruction, families)
