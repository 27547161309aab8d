"""What an audit log says: outcomes by day, the rules that trigger most, what the router skips, misses and saves.

`track` counts records from memory or from a log file; the tables and plots here, and `show_audit` of widgets.py, only
show what it counted. A learner who has pandas can look further with `pandas.DataFrame(read_log(path)["records"])`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from cai_helpers.audit import AuditLog, read_log
from cai_helpers.plots import Columns, Plot, bar_plot, line_plot, table
from cai_helpers.router import miss_rate

OUTCOMES = ("passed", "revised", "withheld", "failed", "unchecked", "audited", "dropped")  # in the order of a table
SHOWN_DAYS = 5  # in the table of the rules, which has a column for each


class RuleCount(TypedDict):
    """How often a rule was VIOLATED or UNCLEAR by a draft, and on how many drafts there was a verdict."""

    violated: int
    unclear: int
    judged: int


class RouterCount(TypedDict):
    """Of the drafts that came to the router: critic, skipped, sampled. skip_rate: the share it would skip, which is
    skipped and sampled together. judged: sampled drafts with clear verdicts; missed: those that break a rule.
    miss_rate: missed / judged, the estimated share of rule breakers among all that is skipped, with its interval.
    delivered: that share of the skipped drafts, as (low, high). A rate is None where there is nothing to count."""

    critic: int
    skipped: int
    sampled: int
    skip_rate: float | None
    judged: int
    missed: int
    miss_rate: float | None
    interval: tuple[float, float]
    delivered: tuple[float, float]


class Saved(TypedDict):
    """What the skipped drafts would have cost more with critics, estimated. calls, tokens, seconds: in all, or None
    where nothing can be compared. compared_with: "sampled" or "passed", the requests that show the price."""

    calls: float | None
    tokens: float | None
    seconds: float | None
    compared_with: str


class Tracking(TypedDict):
    """requests: how many records. damaged: lines of the log that are none. outcomes: {outcome: count}.

    days: {day: {outcome: count}}, oldest first; a day is UTC, YYYY-MM-DD. rules: {rule id: its counts}, the one that
    is violated most often first. by_day: {day: {rule id: drafts that violated it}}. patterns: {kind: requests}.
    used: calls, tokens and seconds of all requests together. versions: {constitution version: requests}."""

    requests: int
    damaged: int
    outcomes: dict[str, int]
    days: dict[str, dict[str, int]]
    rules: dict[str, RuleCount]
    by_day: dict[str, dict[str, int]]
    patterns: dict[str, int]
    router: RouterCount
    saved: Saved
    used: dict[str, float]
    versions: dict[str, int]


Records = Iterable[Mapping[str, Any]] | Mapping[str, Any] | AuditLog | str | Path


def track(records: Records) -> Tracking:
    """Count the records of a guardrail: a list, what `read_log` gives, an `AuditLog`, or the path of one.

    ValueError, naming the record, for what is no audit record."""
    kept, damaged = load(records)
    rules = rule_counts(kept)
    days = sorted({day_of(record) for record in kept})
    return {
        "requests": len(kept),
        "damaged": damaged,
        "outcomes": outcomes_of(kept),
        "days": {day: outcomes_of([r for r in kept if day_of(r) == day]) for day in days},
        "rules": rules,
        "by_day": {day: violations_of([r for r in kept if day_of(r) == day]) for day in days},
        "patterns": dict(Counter(kind for r in kept for kind in r.get("patterns") or []).most_common()),
        "router": router_counts(kept),
        "saved": saved_by_router(kept),
        "used": {name: round(sum(number(r, name) for r in kept), 3) for name in ("calls", "tokens", "latency_sec")},
        "versions": dict(Counter(str(r.get("constitution") or "unknown") for r in kept)),
    }


def load(records: Records) -> tuple[list[Mapping[str, Any]], int]:
    """The records, and how many lines of their log are damaged."""
    source = records.path if isinstance(records, AuditLog) else records
    log: Any = read_log(source) if isinstance(source, (str, Path)) else source
    damaged = 0
    if isinstance(log, Mapping):
        if "records" not in log:
            raise ValueError("track counts a list of audit records, or a log. For one record write [record].")
        log, damaged = log["records"], len(log.get("damaged") or [])
    kept = list(log)
    for place, record in enumerate(kept, start=1):
        if not isinstance(record, Mapping) or not isinstance(record.get("outcome"), str):
            raise ValueError(f'Record {place} is no audit record: give the "audit" of what guard returns.')
    return kept, damaged


def day_of(record: Mapping[str, Any]) -> str:
    """The day of a record, in UTC."""
    return str(record.get("time") or "")[:10] or "unknown"


def number(record: Mapping[str, Any], name: str) -> float:
    """A number of a record; 0 where it has none."""
    value = record.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0


def outcomes_of(records: list[Mapping[str, Any]]) -> dict[str, int]:
    """How often each outcome came, in the order of OUTCOMES; those that did not come are left out."""
    counts = Counter(record["outcome"] for record in records)
    return {name: counts[name] for name in [*OUTCOMES, *sorted({*counts} - {*OUTCOMES})] if counts[name]}


def rule_counts(records: list[Mapping[str, Any]]) -> dict[str, RuleCount]:
    """The counts of each rule over the drafts, most violated first, then by name."""
    found: dict[str, RuleCount] = {}
    for record in records:
        for rule, verdict in verdicts_of(record).items():
            count = found.setdefault(rule, {"violated": 0, "unclear": 0, "judged": 0})
            count["judged"] += 1
            count["violated"] += verdict == "VIOLATED"
            count["unclear"] += verdict == "UNCLEAR"
    return dict(sorted(found.items(), key=lambda item: (-item[1]["violated"], -item[1]["unclear"], item[0])))


def verdicts_of(record: Mapping[str, Any]) -> dict[str, str]:
    """The verdicts on a draft, by rule."""
    verdicts = record.get("verdicts")
    return dict(verdicts) if isinstance(verdicts, Mapping) else {}


def violations_of(records: list[Mapping[str, Any]]) -> dict[str, int]:
    """How many of these drafts violated each rule; rules that none violated are left out."""
    return {rule: count["violated"] for rule, count in rule_counts(records).items() if count["violated"]}


# ------------------------------------------------------------ the router


def came_to_router(records: list[Mapping[str, Any]], route: str) -> list[Mapping[str, Any]]:
    """The requests that went this way. An audit asks about every draft, so its records say nothing of the router."""
    return [r for r in records if r.get("route") == route and r.get("mode") != "audit"]


def router_counts(records: list[Mapping[str, Any]]) -> RouterCount:
    """What the router did, and what it misses, estimated from the sample of what it skips."""
    ways = {route: len(came_to_router(records, route)) for route in ("critic", "skipped", "sampled")}
    off, estimate = ways["skipped"] + ways["sampled"], miss_rate(records)
    low, high = estimate["interval"]
    return {
        "critic": ways["critic"],
        "skipped": ways["skipped"],
        "sampled": ways["sampled"],
        "skip_rate": off / (off + ways["critic"]) if off + ways["critic"] else None,
        "judged": estimate["sampled"] - estimate["unclear"],
        "missed": estimate["missed"],
        "miss_rate": estimate["share"],
        "interval": (low, high),
        "delivered": (low * ways["skipped"], high * ways["skipped"]),
    }


def saved_by_router(records: list[Mapping[str, Any]]) -> Saved:
    """What critics would have cost for the skipped drafts.

    The price is that of the sampled requests, which are like them; where there is none, of those that the critics
    passed. The requests that ended in a revision or a refusal are no measure: they cost more, or less, for it."""
    skipped = came_to_router(records, "skipped")
    for name, route in (("sampled", "sampled"), ("passed", "critic")):
        like = [r for r in came_to_router(records, route) if r["outcome"] == "passed"]
        if like and skipped:
            calls, tokens, seconds = (more(like, skipped, field) for field in ("calls", "tokens", "latency_sec"))
            return {"calls": calls, "tokens": tokens, "seconds": seconds, "compared_with": name}
    return {"calls": None, "tokens": None, "seconds": None, "compared_with": ""}


def more(like: list[Mapping[str, Any]], skipped: list[Mapping[str, Any]], name: str) -> float:
    """How much more the skipped requests would have used, each as much as one of the others."""
    mean = sum(number(r, name) for r in like) / len(like)
    return round(mean * len(skipped) - sum(number(r, name) for r in skipped), 3)


# ------------------------------------------------------------ as text and as plots


def outcome_table(tracked: Tracking) -> str:
    """Outcomes by day, as text."""
    names, days = list(tracked["outcomes"]), tracked["days"]
    columns: Columns = [("day", [*days, "all"])]
    for name in names:
        columns.append((name, [str(day.get(name, 0)) for day in [*days.values(), tracked["outcomes"]]]))
    return table(columns)


def rule_table(tracked: Tracking) -> str:
    """The rules, most violated first, with their counts on the newest days, as text."""
    rules, days = tracked["rules"], dict(list(tracked["by_day"].items())[-SHOWN_DAYS:])
    columns: Columns = [("rule", list(rules))]
    for title in ("violated", "unclear", "judged"):
        columns.append((title, [str(dict(count)[title]) for count in rules.values()]))
    columns += [(f"violated {day}", [str(found.get(rule, 0)) for rule in rules]) for day, found in days.items()]
    return table(columns)


def router_lines(tracked: Tracking) -> list[str]:
    """The router's figures in sentences."""
    found, lines = tracked["router"], []
    if found["skip_rate"] is None:
        return ["No request came to the router."]
    total = found["critic"] + found["skipped"] + found["sampled"]
    off = found["skipped"] + found["sampled"]
    lines.append(
        f"Of {total} drafts, {off} needed no critic ({found['skip_rate']:.0%}); {found['sampled']} of these were "
        "drawn and judged all the same."
    )
    if found["miss_rate"] is None:
        lines.append("Its miss rate is unknown: no skipped draft was drawn and judged.")
        return lines
    low, high = found["interval"]
    lines.append(
        f"Estimated miss rate: {found['missed']} of {found['judged']} drawn drafts break a rule, the critics say "
        f"({found['miss_rate']:.1%}, 95 % interval {low:.1%} to {high:.1%})."
    )
    few, many = found["delivered"]
    lines.append(f"So among the {found['skipped']} that nobody judged, {few:.1f} to {many:.1f} may break one.")
    return lines


def saved_lines(tracked: Tracking, seconds: bool = True) -> list[str]:
    """What the router saved, in a sentence. seconds: name the time too."""
    saved, used = tracked["saved"], tracked["used"]
    spent = f"Used: {used['calls']:.0f} calls, {used['tokens']:.0f} tokens"
    lines = [f"{spent}, {used['latency_sec']:.1f} seconds." if seconds else f"{spent}."]
    if saved["calls"] is None or saved["tokens"] is None or saved["seconds"] is None:
        return [*lines, "Saved by the router: nothing that can be estimated."]
    words = f"Saved by the router, estimated: {saved['calls']:.0f} calls, {saved['tokens']:.0f} tokens"
    words += f", {saved['seconds']:.1f} seconds" if seconds else ""
    return [*lines, f"{words} (compared with requests that were {saved['compared_with']})."]


def rules_plot(tracked: Tracking, title: str = "Rules that trigger most") -> Plot:
    """One bar per rule: how many drafts violate it. ValueError where no rule was asked about."""
    if not tracked["rules"]:
        raise ValueError("There is nothing to plot: no rule has a verdict in these records.")
    rows = [{"rule": rule, "violated": count["violated"]} for rule, count in tracked["rules"].items()]
    return bar_plot(rows, "rule", "violated", title=title, value_title="drafts that violate it")


def days_plot(tracked: Tracking, title: str = "Outcomes by day") -> Plot:
    """One line per outcome over the days. ValueError where there is no record."""
    rows = [
        {"day": day, "requests": found.get(name, 0), "outcome": name}
        for day, found in tracked["days"].items()
        for name in tracked["outcomes"]
    ]
    return line_plot(rows, "day", "requests", "outcome", title=title, x_title="day (UTC)", y_title="requests")
