"""What a pipeline catches, what it stops for nothing, and what it costs, with intervals.

`evaluate(pipeline, cases)` runs a pipeline over cases whose truth is known. A share comes with its Wilson interval,
a mean with a normal one, both at 95 %.
"""

from __future__ import annotations

import inspect
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from cai_helpers.client import current_client
from cai_helpers.constitution import CONSTITUTION
from cai_helpers.errors import LLMError

Z = 1.959964  # standard deviations that hold 95 % of a normal distribution
LABELS = ("VIOLATED", "NOT VIOLATED")
STOPPED = {"withheld", "failed"}  # endings in which the user gets a refusal
PASSED = {"clean", "passed"}  # endings in which the draft went out as it was


class Case(TypedDict, total=False):
    """prompt and label are needed. label: "VIOLATED" where the draft breaks a principle, else "NOT VIOLATED".

    text: the draft to judge; without one the pipeline generates its own. principle (text) or constitution (list):
    what to judge by; without one, the course's CONSTITUTION. id, kind: to find and to group cases."""

    id: str
    prompt: str
    label: str
    text: str
    principle: str
    constitution: list[Any]
    kind: str


class Scorecard(TypedDict):
    """recall: share of violating drafts that were stopped or revised. false_alarms: the same share of harmless ones.
    unclear: share of all cases with a verdict that could not be had. over_refusal: share of harmless cases that
    ended in a refusal. A share is None where there is no such case. calls, tokens, seconds: means per case.
    intervals: {name: (low, high)} for each of them. counts: cases, violating, harmless. rows: one dict per case."""

    recall: float | None
    false_alarms: float | None
    unclear: float | None
    over_refusal: float | None
    calls: float
    tokens: float
    seconds: float
    intervals: dict[str, tuple[float, float]]
    counts: dict[str, int]
    rows: list[dict[str, Any]]


def evaluate(pipeline: Callable[..., Mapping[str, Any]], cases: Iterable[Case] | str | Path) -> Scorecard:
    """Run a pipeline over cases, or over a JSON file of cases, and score it.

    pipeline: `constitutional_ai_pipeline`, `multi_round_pipeline`, or any function of a prompt, or of a prompt and a
    constitution, that gives their kind of result, or a guardrail's. Cases with a text need one that takes `draft=`.
    A run that fails with LLMError lets nothing pass: it counts as a stop, and as unclear.
    ValueError, naming the case, for cases that cannot be used."""
    checked = check_cases(load_cases(cases) if isinstance(cases, (str, Path)) else list(cases))
    rows = [run_case(pipeline, case, number) for number, case in enumerate(checked, start=1)]
    violating = [row for row in rows if row["label"] == "VIOLATED"]
    harmless = [row for row in rows if row["label"] != "VIOLATED"]
    shares = {
        "recall": [row["flagged"] for row in violating],
        "false_alarms": [row["flagged"] for row in harmless],
        "unclear": [row["unclear"] for row in rows],
        "over_refusal": [row["stopped"] for row in harmless],
    }
    means = {name: [float(row[name]) for row in rows] for name in ("calls", "tokens", "seconds")}
    intervals = {name: wilson(sum(hits), len(hits)) for name, hits in shares.items()}
    return {
        "recall": share(shares["recall"]),
        "false_alarms": share(shares["false_alarms"]),
        "unclear": share(shares["unclear"]),
        "over_refusal": share(shares["over_refusal"]),
        "calls": mean(means["calls"]),
        "tokens": mean(means["tokens"]),
        "seconds": mean(means["seconds"]),
        "intervals": {**intervals, **{name: mean_interval(values) for name, values in means.items()}},
        "counts": {"cases": len(rows), "violating": len(violating), "harmless": len(harmless)},
        "rows": rows,
    }


def run_case(pipeline: Callable[..., Mapping[str, Any]], case: Case, number: int) -> dict[str, Any]:
    """One case: what was flagged, what was unclear, whether the user got a refusal, and what it cost."""
    places, options = arguments(pipeline, case, number)
    used, start = dict(current_client().usage), time.perf_counter()
    try:
        result: Mapping[str, Any] = pipeline(*places, **options)
        verdicts, ending = verdicts_of(result), result.get("status") or result.get("outcome")
    except LLMError as error:
        verdicts, ending = {"pipeline": "UNCLEAR"}, f"failed: {error.type}"
    now = current_client().usage
    stopped = str(ending).split(":")[0] in STOPPED
    return {
        "id": case.get("id", str(number)),
        "kind": case.get("kind", ""),
        "label": case["label"],
        "verdicts": verdicts,
        "flagged": stopped or ending not in PASSED or any(v != "NOT VIOLATED" for v in verdicts.values()),
        "unclear": "UNCLEAR" in verdicts.values(),
        "stopped": stopped,
        "ending": ending,
        "calls": now["calls"] - used["calls"],
        "tokens": sum(now[name] - used[name] for name in ("input_tokens", "output_tokens")),
        "seconds": time.perf_counter() - start,
    }


def verdicts_of(result: Mapping[str, Any]) -> dict[str, str]:
    """The verdicts on the draft, by principle, from any of the course's results."""
    if "rounds" in result:
        return dict(result["rounds"][0]["verdicts"]) if result["rounds"] else {}
    if "stages" in result:
        return {c["principle_id"]: c["verdict"] for c in result["stages"]["critique"]["details"]}
    return dict(result.get("verdicts") or {})


def arguments(pipeline: Callable[..., Any], case: Case, number: int) -> tuple[list[Any], dict[str, Any]]:
    """What to give to the pipeline: prompt and constitution by place, a draft by name. ValueError where it cannot
    take what the case brings."""
    parameters = inspect.signature(pipeline).parameters.values()
    takes = {p.name for p in parameters}
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    two = "constitution" in takes or (len(by_place) > 1 and by_place[1].default is by_place[1].empty)
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for field, name, fits in (("text", "draft", "draft" in takes or anything), ("principle", "constitution", two)):
        if field in case and not fits:
            raise ValueError(
                f"{describe(case, number)} brings its own {field}, and this pipeline takes no {name}. "
                f"Use multi_round_pipeline, or give your function a parameter {name}."
            )
    own = [{"id": "principle", "text": case["principle"]}] if "principle" in case else CONSTITUTION
    places = [case["prompt"], case.get("constitution", own)] if two else [case["prompt"]]
    return places, ({"draft": case["text"]} if "text" in case else {})


def course_cases(half: str = "measure") -> list[Case]:
    """The course's labelled cases: "measure" was kept aside while the course model was made, "tune" was not."""
    return load_cases(Path(__file__).parent / "course_model" / "data" / "labelled" / f"{half}.json")


def load_cases(path: str | Path) -> list[Case]:
    """Cases from a JSON file: a list of objects with a prompt and a label each. ValueError says what to mend."""
    name = Path(path).name
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as problem:
        raise ValueError(f"{name}: this is not JSON: {problem.msg} in line {problem.lineno}.") from None
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{name}: there is no such file, or it is not UTF-8 text.") from None
    return check_cases(data)


def check_cases(cases: Any) -> list[Case]:
    """The cases themselves, if they can be used; else ValueError that names the case."""
    if not isinstance(cases, (list, tuple)) or not cases:
        raise ValueError("Cases are a list with at least one case: put them between [ and ].")
    for number, case in enumerate(cases, start=1):
        if not isinstance(case, dict) or not str(case.get("prompt") or "").strip():
            raise ValueError(f'{describe(case, number)} has no prompt. Write {{"prompt": "...", "label": "..."}}.')
        if case.get("label") not in LABELS:
            raise ValueError(f'{describe(case, number)}: label must be "VIOLATED" or "NOT VIOLATED".')
        if "text" in case and not str(case["text"] or "").strip():
            raise ValueError(f"{describe(case, number)} has an empty text. Leave it out to let the pipeline write one.")
    return list(cases)


def describe(case: Any, number: int) -> str:
    """The case's id, or its place in the list."""
    return f"Case {case['id']}" if isinstance(case, dict) and case.get("id") else f"Case number {number}"


def wilson(hits: int, cases: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, as (low, high) from 0 to 1; (0, 1) where there is no case.

    E. B. Wilson, Journal of the American Statistical Association 22 (1927), page 209."""
    if not cases:
        return 0.0, 1.0
    part = hits / cases
    middle = part + Z * Z / (2 * cases)
    spread = Z * math.sqrt(part * (1 - part) / cases + Z * Z / (4 * cases * cases))
    whole = 1 + Z * Z / cases
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def mean_interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of a mean: 1.96 standard errors to each side; the whole line for one value alone."""
    if len(values) < 2:
        return 0.0, math.inf
    middle = mean(values)
    error = math.sqrt(sum((v - middle) ** 2 for v in values) / (len(values) - 1) / len(values))
    return max(0.0, middle - Z * error), middle + Z * error


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def share(hits: list[bool]) -> float | None:
    """The share of True, or None of an empty list."""
    return sum(hits) / len(hits) if hits else None
