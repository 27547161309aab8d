"""Chapter 06: generate, critique, revise, check again, and say how it ended.

status "clean": the draft passed. "revised": a revision passed its own check. "withheld": nothing passed, and
`final` is a refusal. A text that no critic has passed is never `final`.
"""

from __future__ import annotations

import time
from typing import Any, Literal, TypedDict

from cai_helpers.client import current_client
from cai_helpers.constitution import Principle, check_constitution
from cai_helpers.critic import Critique, run_all_critiques
from cai_helpers.errors import LLMError
from cai_helpers.generator import generate
from cai_helpers.reviser import revise

Status = Literal["clean", "revised", "withheld"]
WITHHELD = "I can't give you a checked answer to this. Please ask in another way, or ask a person you trust."


class PipelineResult(TypedDict):
    """stages: generate {output, time_sec}; critique {total, violations, details, time_sec}; revise {output, time_sec};
    recheck, as critique, where there was a revision. A stage that failed has an error instead, one sentence.
    calls, tokens: what this run used. Times are seconds."""

    prompt: str
    stages: dict[str, dict[str, Any]]
    calls: int
    tokens: int
    total_time_sec: float
    final: str
    status: Status


def constitutional_ai_pipeline(user_prompt: str, constitution: list[Principle]) -> PipelineResult:
    """One prompt through all stages. ValueError for an empty prompt or a bad constitution; LLMError where no draft
    could be had. What fails after the draft ends in "withheld", with the draft kept in `stages`."""
    check_constitution(constitution)
    before, start = usage(), time.perf_counter()
    stages: dict[str, dict[str, Any]] = {"generate": draft_stage(user_prompt)}
    status, final = run_stages(stages, user_prompt, constitution)
    used = {name: usage()[name] - before[name] for name in before}
    return {
        "prompt": user_prompt,
        "stages": stages,
        "calls": used["calls"],
        "tokens": used["tokens"],
        "total_time_sec": round(time.perf_counter() - start, 2),
        "final": final,
        "status": status,
    }


def run_stages(
    stages: dict[str, dict[str, Any]], user_prompt: str, constitution: list[Principle]
) -> tuple[Status, str]:
    """Fill in the stages after the draft; how it ended, and the text that may be shown."""
    draft = stages["generate"]["output"]
    stages["critique"] = critique_stage(draft, constitution, user_prompt)
    stages["revise"] = revise_stage(draft, stages["critique"]["details"], user_prompt)
    if not draft or "error" in stages["revise"]:
        return "withheld", WITHHELD
    if stages["critique"]["violations"] == 0:
        return "clean", draft
    revised = stages["revise"]["output"]
    stages["recheck"] = critique_stage(revised, constitution, user_prompt)
    if stages["recheck"]["violations"] == 0:
        return "revised", revised
    return "withheld", WITHHELD


def draft_stage(user_prompt: str) -> dict[str, Any]:
    """The draft and its seconds. A model that declines leaves no draft: that is an outcome, not a failure."""
    start = time.perf_counter()
    try:
        stage = {"output": generate(user_prompt)}
    except LLMError as error:
        if error.type != "refusal":
            raise
        stage = {"output": "", "error": str(error)}
    return {**stage, "time_sec": seconds_since(start)}


def critique_stage(text: str, constitution: list[Principle], user_prompt: str) -> dict[str, Any]:
    """All critiques of a text, how many principles it breaks, and the seconds. No text, no critiques."""
    start = time.perf_counter()
    details: list[Critique] = run_all_critiques(text, constitution, user_prompt) if text else []
    return {
        "total": len(constitution),
        "violations": sum(c["violated"] for c in details),
        "details": details,
        "time_sec": seconds_since(start),
    }


def revise_stage(draft: str, details: list[Critique], user_prompt: str) -> dict[str, Any]:
    """The revision and its seconds; where the model gives none, an empty output and the error in one sentence."""
    start = time.perf_counter()
    try:
        stage = {"output": revise(draft, details, user_prompt)}
    except LLMError as error:
        stage = {"output": "", "error": str(error)}
    return {**stage, "time_sec": seconds_since(start)}


def seconds_since(start: float) -> float:
    return round(time.perf_counter() - start, 2)


def usage() -> dict[str, int]:
    """Calls and tokens of the connected client so far."""
    used = current_client().usage
    return {"calls": int(used["calls"]), "tokens": int(used["input_tokens"] + used["output_tokens"])}
