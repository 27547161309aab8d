"""The people behind the desk: understand what is asked, let the right one answer, put it in the asked form."""

from __future__ import annotations

import json
import threading

from . import blank_forms, compare, critic, forms, generator, instruction, reviser, speak
from .chance import Roll
from .shapes import Ask, Reply
from .switches import Switches
from .understand import Task, understand

# What is read and looked up is kept for the next text, by all models of this process, so one thinks at a time. Nobody
# waits longer for it: thinking is Python all through, which runs in one thread at a time anyway.
_THINKING = threading.RLock()


def answer(ask: Ask, switches: Switches, roll: Roll, asked: int = 0) -> Reply:
    """The reply to one Ask. `roll(purpose)` is the only source of chance; `asked`: how often it came before."""
    with _THINKING:
        task = understand(ask)
        task.asked = asked
        reply = _speak(ask, task, switches, roll)
    if ask.prefill and reply.text.startswith(ask.prefill):
        reply.text = reply.text[len(ask.prefill) :]
    return reply


def _speak(ask: Ask, task: Task, switches: Switches, roll: Roll) -> Reply:
    if task.kind == "generate":
        return Reply(_in_json(ask, generator.generate(task, switches, ask.temperature, roll)))
    if task.kind == "revise":
        return Reply(_in_json(ask, reviser.revise(task, switches, roll)))
    if task.kind == "compare":
        reply = compare.compare(task, switches, roll, ask.temperature)
        schema = blank_forms.wanted(task.instruction, ask.schema, ask.json_mode)
        if schema is not None:
            reply.text = json.dumps(compare.as_json(reply, schema), ensure_ascii=False)
        return reply
    return Reply(_critique(ask, task, switches, roll))


def _critique(ask: Ask, task: Task, switches: Switches, roll: Roll) -> str:
    if not task.principles:
        return 'I cannot judge this text: the request names no principle. Add one, for example after "Principle:".'
    opinions = critic.opinions(task, switches, ask.temperature, roll)
    style = switches.verdict_style
    schema = blank_forms.wanted(task.instruction, ask.schema, ask.json_mode) if style in ("auto", "json") else None
    if style == "json" and schema is None:
        schema = blank_forms.wanted("json", None, True)
    revised = _revised(task, opinions, switches, roll)
    if schema is not None:
        words = instruction.offered_words(task.instruction) or speak.WORDS
        return forms.fill(schema, forms.Filling(tuple(opinions), speak.overall(opinions), revised, words))
    if len(opinions) > 1:
        said = speak.several(opinions, task.instruction, style)
    else:
        said = speak.critique(opinions[0], task.instruction, style)
    return f"{said}\n\nRevised response:\n{revised}" if task.also_revise else said


def _revised(task: Task, opinions: list[critic.Opinion], switches: Switches, roll: Roll) -> str:
    """The draft after a revision by the opinions; the draft itself when nothing is violated."""
    from .judge import families_of

    offences = []
    for opinion in opinions:
        families = families_of(opinion.principle.text) if opinion.violated else []
        offences += [reviser.Offence(quote, families[0] if families else None) for quote in opinion.quotes]
    return reviser.rewrite(task, offences, switches, roll) if offences else task.draft


def _in_json(ask: Ask, text: str) -> str:
    """The text alone, or in the first text field of a demanded JSON form."""
    if ask.schema is None and not ask.json_mode:
        return text
    fields = (ask.schema or {}).get("properties") or {"response": {"type": "string"}}
    out: dict[str, object] = {}
    for key, field in fields.items():
        kind = field.get("type") if isinstance(field, dict) else None
        empty: dict[object, object] = {
            "boolean": False,
            "integer": 0,
            "number": 0,
            "array": [],
            "object": {},
            "null": None,
        }
        out[key] = empty.get(kind, text) if not isinstance(kind, list) else text
    return json.dumps(out, ensure_ascii=False)
