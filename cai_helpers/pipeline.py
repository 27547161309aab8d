"""Chapters 06 and 07: generate, critique, revise, check again, and say how it ended; once, or in rounds.

status "clean": the draft passed. "revised": a revision passed its own check. "withheld": nothing passed, and
`final` is a refusal. A text that no critic has passed is never `final`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Literal, TypedDict

from cai_helpers.client import current_client
from cai_helpers.constitution import Principle, check_constitution
from cai_helpers.critic import Critique, check_draft, run_all_critiques
from cai_helpers.errors import LLMError
from cai_helpers.generator import check_prompt, generate
from cai_helpers.reviser import revise
from cai_helpers.verdict import Verdict

Critics = Callable[[str, list[Principle], str], list[Critique]]
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


def constitutional_ai_pipeline(
    user_prompt: str, constitution: list[Principle], draft: str | None = None
) -> PipelineResult:
    """One prompt through all stages; a draft that is there already is checked in place of a generated one.

    ValueError for an empty prompt, an empty draft or a bad constitution; LLMError where no draft could be had. What
    fails after the draft ends in "withheld", with the draft kept in `stages`."""
    check_constitution(constitution)
    start = meter()
    stages: dict[str, dict[str, Any]] = {"generate": draft_stage(user_prompt, draft)}
    status, final = run_stages(stages, user_prompt, constitution)
    used = used_since(start)
    return {
        "prompt": user_prompt,
        "stages": stages,
        "calls": used["calls"],
        "tokens": used["tokens"],
        "total_time_sec": used["time_sec"],
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


def draft_stage(user_prompt: str, draft: str | None = None) -> dict[str, Any]:
    """The draft, given or generated, and its seconds. A model that declines leaves no draft: that is an outcome,
    not a failure."""
    check_prompt(user_prompt)
    start = time.perf_counter()
    try:
        stage = {"output": generate(user_prompt) if draft is None else check_draft(draft)}
    except LLMError as error:
        if error.type != "refusal":
            raise
        stage = {"output": "", "error": str(error)}
    return {**stage, "time_sec": seconds_since(start)}


def critique_stage(
    text: str, constitution: list[Principle], user_prompt: str, critics: Critics = run_all_critiques
) -> dict[str, Any]:
    """All critiques of a text, how many principles it breaks, and the seconds. No text, no critiques."""
    start = time.perf_counter()
    details = critics(text, constitution, user_prompt) if text else []
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


def meter() -> dict[str, float]:
    """Calls and tokens of the connected client so far, and the clock in seconds."""
    used = current_client().usage
    tokens = used["input_tokens"] + used["output_tokens"]
    return {"calls": used["calls"], "tokens": tokens, "time_sec": time.perf_counter()}


def used_since(start: dict[str, float]) -> dict[str, Any]:
    """Calls, tokens and seconds since `start`, a reading of `meter`."""
    now = meter()
    return {name: round(now[name] - start[name], 2) for name in now}


class Round(TypedDict):
    """One text and its check. Round 1 is the draft, each later one a revision.

    violations: how many principles are broken; by_principle: {id: 1 where broken, else 0}; verdicts: {id: verdict}.
    calls, tokens, time_sec: what it took to make this text and to check it.
    """

    round: int
    text: str
    violations: int
    by_principle: dict[str, int]
    verdicts: dict[str, Verdict]
    details: list[Critique]
    calls: int
    tokens: int
    time_sec: float


class MultiRoundResult(TypedDict):
    """raw: the draft. stopped: "clean", "repeated text", "same findings", "round limit", or "no answer" with its
    reason in `error`. best_round: the number of the round with the best text; 0 where there was no draft."""

    prompt: str
    raw: str
    rounds: list[Round]
    best_round: int
    stopped: str
    error: str
    calls: int
    tokens: int
    total_time_sec: float
    final: str
    status: Status


def multi_round_pipeline(
    user_prompt: str,
    constitution: list[Principle],
    max_rounds: int = 3,
    critics: Critics = run_all_critiques,
    draft: str | None = None,
) -> MultiRoundResult:
    """Critique and revise until a text passes, with at most `max_rounds` revisions. Each one is checked, the last
    one too, so there can be one check more than there are revisions.

    critics: what checks a text, e.g. `parallel_critique`. Errors as `constitutional_ai_pipeline`, and ValueError
    for max_rounds below 1."""
    check_constitution(constitution)
    check_rounds(max_rounds)
    start = meter()
    stage = draft_stage(user_prompt, draft)
    rounds: list[Round] = []
    stopped, error = "no answer", stage.get("error", "")
    if not error:
        add_round(rounds, stage["output"], user_prompt, constitution, critics, start)
        stopped, error = run_rounds(rounds, user_prompt, constitution, max_rounds, critics)
    return rounds_result(user_prompt, stage["output"], rounds, constitution, stopped, error, used_since(start))


def rounds_result(
    user_prompt: str,
    raw: str,
    rounds: list[Round],
    constitution: list[Principle],
    stopped: str,
    error: str,
    used: dict[str, Any],
) -> MultiRoundResult:
    """Everything on record: the rounds, why they stopped, what they took, and the text that may be shown."""
    status, final = ending(rounds, stopped)
    return {
        "prompt": user_prompt,
        "raw": raw,
        "rounds": rounds,
        "best_round": best_of(rounds, constitution)["round"] if rounds else 0,
        "stopped": stopped,
        "error": error,
        "calls": used["calls"],
        "tokens": used["tokens"],
        "total_time_sec": used["time_sec"],
        "final": final,
        "status": status,
    }


def check_rounds(max_rounds: Any) -> None:
    """ValueError where max_rounds is not a whole number from 1 up."""
    if not isinstance(max_rounds, int) or isinstance(max_rounds, bool) or max_rounds < 1:
        raise ValueError(f"max_rounds must be a whole number from 1 up, not {max_rounds!r}.")


def run_rounds(
    rounds: list[Round], user_prompt: str, constitution: list[Principle], max_rounds: int, critics: Critics
) -> tuple[str, str]:
    """Revise the best text so far and check what comes, until there is a reason to stop. The reason and the error."""
    while not (reason := why_stop(rounds, max_rounds)):
        start, best = meter(), best_of(rounds, constitution)
        stage = revise_stage(best["text"], best["details"], user_prompt)
        if "error" in stage:
            return "no answer", stage["error"]
        add_round(rounds, stage["output"], user_prompt, constitution, critics, start)
    return reason, ""


def add_round(
    rounds: list[Round],
    text: str,
    user_prompt: str,
    constitution: list[Principle],
    critics: Critics,
    start: dict[str, float],
) -> None:
    """Check a text and note what was found; a text that was checked before keeps its verdicts."""
    known = [earlier["details"] for earlier in rounds if same_text(earlier["text"], text)]
    details = known[0] if known else complete(critics(text, constitution, user_prompt), constitution)
    rounds.append(round_of(len(rounds) + 1, text, details, used_since(start)))


def round_of(number: int, text: str, details: list[Critique], used: dict[str, Any]) -> Round:
    """What is noted of a text and its critiques. used: what they took, as `used_since` gives it."""
    return {
        "round": number,
        "text": text,
        "violations": sum(c["violated"] for c in details),
        "by_principle": {c["principle_id"]: int(c["violated"]) for c in details},
        "verdicts": {c["principle_id"]: c["verdict"] for c in details},
        "details": details,
        "calls": used["calls"],
        "tokens": used["tokens"],
        "time_sec": used["time_sec"],
    }


def complete(details: list[Critique], constitution: list[Principle]) -> list[Critique]:
    """The critiques themselves; ValueError where a principle has none, because nothing may pass unchecked."""
    if [c["principle_id"] for c in details] != [p["id"] for p in constitution]:
        raise ValueError("The critics must give one critique for each principle, in the constitution's order.")
    return details


def why_stop(rounds: list[Round], max_rounds: int) -> str:
    """The reason to stop after the last round, or "" to go on."""
    *earlier, last = rounds
    if last["violations"] == 0:
        return "clean"
    if any(same_text(old["text"], last["text"]) for old in earlier):
        return "repeated text"
    if any(findings(old) == findings(last) for old in earlier):
        return "same findings"
    return "round limit" if len(rounds) > max_rounds else ""


def same_text(one: str, other: str) -> bool:
    """Whether two texts are equal, white space aside."""
    return one.split() == other.split()


def findings(checked: Round) -> set[tuple[str, ...]]:
    """What a round's critics found: per broken principle all quoted words, or all words where nothing is quoted."""
    broken = [c for c in checked["details"] if c["violated"]]
    quotes = {c["principle_id"]: re.findall(r'["“]([^"“”]+)["”]', c["critique"]) for c in broken}
    return {(c["principle_id"], *(quotes[c["principle_id"]] or [c["critique"]])) for c in broken}


def best_of(rounds: list[Round], constitution: list[Principle]) -> Round:
    """The round with the fewest violations, then the least severe ones, then the latest."""
    severity = {p["id"]: p.get("severity", 1) for p in constitution}

    def badness(checked: Round) -> tuple[int, float]:
        return checked["violations"], sum(severity[c["principle_id"]] for c in checked["details"] if c["violated"])

    return min(reversed(rounds), key=badness)


def ending(rounds: list[Round], stopped: str) -> tuple[Status, str]:
    """The status, and the text that may be shown: the last one if it passed, else a refusal."""
    if stopped != "clean":
        return "withheld", WITHHELD
    return ("clean" if len(rounds) == 1 else "revised"), rounds[-1]["text"]
