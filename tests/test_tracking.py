"""What the tracking says of a log: every figure counted by hand here, from memory and from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from desk import ASK, BAD, GOOD, desk

from cai_helpers import SERVICE_RULES, AuditLog, Guardrail, read_log
from cai_helpers.scorecard import wilson
from cai_helpers.tracking import (
    days_plot,
    outcome_table,
    router_lines,
    rule_table,
    rules_plot,
    saved_lines,
    track,
)
from cai_helpers.widgets import TEXT_ONLY, WIDGET_VIEW, show_audit


def record(outcome: str = "passed", route: str = "critic", day: str = "2026-03-01", **fields: Any) -> dict[str, Any]:
    verdicts = {"promises": "NOT VIOLATED", "tone": "NOT VIOLATED"} if route in ("critic", "sampled") else {}
    base = {"id": "0", "time": f"{day}T12:00:00Z", "mode": "guard", "outcome": outcome, "route": route}
    used = {"calls": 3, "tokens": 300, "latency_sec": 0.5} if verdicts else {"calls": 1, "tokens": 100}
    return {**base, "verdicts": verdicts, "patterns": [], "latency_sec": 0.1, "constitution": "abc", **used, **fields}


BROKEN = {"promises": "VIOLATED", "tone": "NOT VIOLATED"}
RECORDS = [
    record(),
    record("revised", verdicts=BROKEN, calls=6, tokens=700),
    record("withheld", verdicts={"promises": "VIOLATED", "tone": "VIOLATED"}, day="2026-03-02"),
    record("failed", verdicts={"promises": "NOT VIOLATED", "tone": "UNCLEAR"}, day="2026-03-02"),
    record("withheld", route="", verdicts={"keys": "VIOLATED"}, patterns=["vendor key"], day="2026-03-02"),
    *[record(route="skipped") for _ in range(10)],
    *[record(route="sampled") for _ in range(3)],
    record("revised", route="sampled", verdicts=BROKEN),
    record("failed", route="sampled", verdicts={"promises": "NOT VIOLATED", "tone": "UNCLEAR"}),
]


def test_outcomes_by_day() -> None:
    found = track(RECORDS)
    assert found["requests"] == 20 and found["damaged"] == 0
    assert found["outcomes"] == {"passed": 14, "revised": 2, "withheld": 2, "failed": 2}
    assert list(found["days"]) == ["2026-03-01", "2026-03-02"]
    assert found["days"]["2026-03-02"] == {"withheld": 2, "failed": 1}
    assert sum(sum(day.values()) for day in found["days"].values()) == 20


def test_the_rule_that_triggers_most_comes_first() -> None:
    found = track(RECORDS)
    assert list(found["rules"]) == ["promises", "tone", "keys"]  # tone: also two unclear
    assert found["rules"]["promises"] == {"violated": 3, "unclear": 0, "judged": 9}
    assert found["rules"]["tone"] == {"violated": 1, "unclear": 2, "judged": 9}
    assert found["by_day"] == {"2026-03-01": {"promises": 2}, "2026-03-02": {"keys": 1, "promises": 1, "tone": 1}}
    assert found["patterns"] == {"vendor key": 1}


def test_the_miss_rate_is_that_of_the_sample_alone() -> None:
    router = track(RECORDS)["router"]
    assert (router["critic"], router["skipped"], router["sampled"]) == (4, 10, 5)
    assert router["skip_rate"] == pytest.approx(15 / 19)
    assert (router["judged"], router["missed"], router["miss_rate"]) == (4, 1, 0.25)
    low, high = wilson(1, 4)
    assert router["interval"] == (low, high) and router["delivered"] == (10 * low, 10 * high)


def test_what_was_saved_is_compared_with_the_sample() -> None:
    saved = track(RECORDS)["saved"]
    assert saved == {"calls": 20.0, "tokens": 2000.0, "seconds": 4.0, "compared_with": "sampled"}
    without = [r for r in RECORDS if r["route"] != "sampled"]
    assert track(without)["saved"]["compared_with"] == "passed"
    assert track([record(route="skipped")])["saved"]["calls"] is None


def test_an_audit_says_nothing_of_the_router() -> None:
    found = track([*RECORDS, record("audited", mode="audit"), record("dropped", route="", mode="audit")])
    assert found["router"] == track(RECORDS)["router"]
    assert found["outcomes"]["audited"] == 1 and found["outcomes"]["dropped"] == 1


def test_used_is_the_sum_over_all_requests() -> None:
    used = track(RECORDS)["used"]
    assert used["calls"] == sum(r["calls"] for r in RECORDS) and used["tokens"] == sum(r["tokens"] for r in RECORDS)
    assert used["latency_sec"] == pytest.approx(sum(r["latency_sec"] for r in RECORDS))


def test_the_same_from_memory_and_from_a_file(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", max_bytes=1500, keep=1)
    for item in RECORDS:
        log.append(item)
    expected = {**track(RECORDS)}
    kept = read_log(tmp_path / "audit.jsonl")
    assert len(kept["records"]) < len(RECORDS)  # it rotated, and old files went
    for source in (log, log.path, str(log.path), kept):
        assert track(source) == track(kept["records"])
    whole = AuditLog(tmp_path / "whole.jsonl")
    for item in RECORDS:
        whole.append(item)
    assert track(whole) == expected


def test_a_torn_line_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(json.dumps(RECORDS[0]) + "\n" + json.dumps(RECORDS[1])[:40], "utf-8")
    found = track(path)
    assert (found["requests"], found["damaged"]) == (1, 1)
    assert "Damaged lines of the log, left out: 1." in show_audit(path).text


def test_nothing_is_no_error(tmp_path: Path) -> None:
    found = track([])
    assert found["requests"] == 0 and found["router"]["skip_rate"] is None and found["router"]["miss_rate"] is None
    assert track(tmp_path / "none.jsonl") == found
    assert router_lines(found) == ["No request came to the router."]
    assert "No record yet" in show_audit([]).text
    with pytest.raises(ValueError, match="nothing to plot"):
        rules_plot(found)


@pytest.mark.parametrize("wrong", [[{}], [3], [{"outcome": None}], [[record()]]])
def test_what_is_no_record_is_named(wrong: Any) -> None:
    with pytest.raises(ValueError, match="Record 1 is no audit record"):
        track(wrong)


def test_one_record_alone_is_explained() -> None:
    with pytest.raises(ValueError, match=r"\[record\]"):
        track(record())


def test_records_of_another_version_are_counted_as_far_as_they_go() -> None:
    found = track([{"outcome": "passed"}, {"outcome": "new", "verdicts": None, "calls": "x", "time": None}])
    assert found["outcomes"] == {"passed": 1, "new": 1} and list(found["days"]) == ["unknown"]


def test_tables_and_plots_say_the_same() -> None:
    found = track(RECORDS)
    rows = [line.split() for line in outcome_table(found).splitlines()]
    assert rows[0] == ["day", "passed", "revised", "withheld", "failed"] and rows[-1] == ["all", "14", "2", "2", "2"]
    assert rule_table(found).splitlines()[2].split() == ["promises", "3", "0", "9", "2", "1"]
    bars = rules_plot(found).spec["data"]["values"]
    assert {bar["label"]: bar["value"] for bar in bars} == {"promises": 3, "tone": 1, "keys": 1}
    points = days_plot(found).spec["data"]["values"]
    assert {(p["x"], p["series"]): p["y"] for p in points}[("2026-03-02", "withheld")] == 2


def test_the_sentences_name_the_figures() -> None:
    found = track(RECORDS)
    text = "\n".join([*router_lines(found), *saved_lines(found)])
    for figure in ("Of 19 drafts, 15 needed no critic (79%); 5", "1 of 4", "25.0%", "20 calls, 2000 tokens, 4.0 sec"):
        assert figure in text
    assert "seconds" not in "\n".join(saved_lines(found, seconds=False))
    alone = track([record(route="skipped")])
    assert "unknown" in "\n".join(router_lines(alone)) and "nothing that can be" in "\n".join(saved_lines(alone))


# --- the dashboard ---


def controls(view: Any) -> tuple[Any, Any, Any, Any, Any]:
    row, shown, drawn = view.widget.children
    return (*row.children, shown, drawn)


def test_the_dashboard_shows_in_text_what_it_shows_on_the_screen() -> None:
    view = show_audit(RECORDS)
    *_, shown, drawn = controls(view)
    for words in ("Requests: 20 (all days).", "promises", "vendor key: 1", "Estimated miss rate: 1 of 4", "20 calls"):
        assert words in view.text and words in shown.value
    assert len(drawn.outputs) == 2 and all("text/plain" in output["data"] for output in drawn.outputs)
    assert "seconds" not in view.text and WIDGET_VIEW in view._repr_mimebundle_()


def test_one_day_can_be_chosen() -> None:
    view = show_audit(RECORDS)
    choice, timed, _, shown, drawn = controls(view)
    assert choice.options == ("all days", "2026-03-01", "2026-03-02")
    choice.value = "2026-03-02"
    assert "Requests: 3 (2026-03-02)." in shown.value and "Requests: 3 (2026-03-02)." in view.text
    assert {bar["label"] for bar in drawn.outputs[0]["data"]["application/vnd.vegalite.v5+json"]["data"]["values"]} == {
        "keys",
        "promises",
        "tone",
    }
    timed.value = True
    assert "seconds" in view.text


def test_new_records_are_read_on_a_click() -> None:
    desk()
    log: list[dict[str, Any]] = []
    box = Guardrail(SERVICE_RULES[2:3], router=False, log=log)
    view = show_audit(log)
    choice, _, again, shown, _ = controls(view)
    assert "No record yet" in shown.value
    assert [box.guard(ASK, draft=text)["outcome"] for text in (GOOD, BAD)] == ["passed", "revised"]
    again.click()
    assert "Requests: 2 (all days)." in shown.value and len(choice.options) == 2
    assert track(log)["rules"]["promises"]["violated"] == 1


def test_a_record_cannot_write_html() -> None:
    view = show_audit([record(verdicts={"<b>x</b>": "VIOLATED"}, patterns=["<script>"])])
    shown = controls(view)[3]
    assert "<b>x</b>" not in shown.value and "<script>" not in shown.value and "<script>" in view.text


def test_without_ipywidgets_there_is_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    view = show_audit(RECORDS)
    assert view.widget is None and view.text.endswith(TEXT_ONLY) and "Requests: 20" in view.text


def test_what_is_no_log_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no audit record"):
        show_audit([{}])
