"""Plots: picture and table hold the same numbers, nothing is told by colour alone, bad input gets a sentence."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.metadata import files
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_helpers import CONSTITUTION, connect, multi_round_pipeline
from cai_helpers.plots import EMBED, VEGA_LITE, Plot, bar_plot, gantt_plot, line_plot, rounds_plot

JOBS = [
    {"job": "harm", "start": 0, "end": 1.204, "worker": 0},
    {"job": "bias", "start": 0.4567, "end": 1.6, "worker": 1},
    {"job": "harm", "start": 1.204, "end": 1.204, "worker": 0},
]
FLIPS = [
    {"temperature": t, "critic": critic, "flips": flips, "from": flips / 2, "to": flips * 1.5}
    for critic, rows in {"one by one": [(0.2, 0.0314), (0, 0.0)], "all at once": [(0.9, 0.36), (0, 0.001)]}.items()
    for t, flips in rows
]
RECALL = [
    {"way": "one call per principle", "recall": 0.941, "from": 0.88, "to": 0.97, "set": 0.95},
    {"way": "all principles in one long prompt, twenty of them", "recall": 0.6, "from": 0.5, "to": 0.7, "set": 0.75},
]


def result_of(*rounds: dict[str, str]) -> dict[str, Any]:
    """A result of several rounds, from each round's verdicts."""
    checked = [
        {
            "round": number,
            "by_principle": {name: int(said != "NOT VIOLATED") for name, said in verdicts.items()},
            "verdicts": verdicts,
        }
        for number, verdicts in enumerate(rounds, 1)
    ]
    return {"rounds": checked, "best_round": len(rounds), "stopped": "round limit"}


ROUNDS = result_of(
    {"harm": "VIOLATED", "bias": "UNCLEAR", "privacy": "NOT VIOLATED"},
    {"harm": "NOT VIOLATED", "bias": "VIOLATED", "privacy": "NOT VIOLATED"},
)


def plots() -> dict[str, Plot]:
    interval = {"low": "from", "high": "to"}
    return {
        "rounds": rounds_plot(ROUNDS),
        "gantt": gantt_plot(JOBS),
        "gantt, no workers": gantt_plot([{"job": 1, "start": 0, "end": 2}], until=3),
        "lines": line_plot(FLIPS, "temperature", "flips", "critic", **interval, digits=3, y_domain=(0, 1)),
        "one line": line_plot(FLIPS[:2], "temperature", "flips"),
        "lines over words": line_plot(RECALL, "way", "recall", y_title="Recall"),
        "bars": bar_plot(RECALL, "way", "recall", **interval, true="set", domain=(0, 1)),
        "bars of counts": bar_plot([{"k": "a", "n": -3}, {"k": "b", "n": 12}], "k", "n"),
    }


def cells(plot: Plot) -> list[dict[str, str]]:
    """The text table, read back: a dict of texts for each row."""
    lines = plot.text.split("\n\n")[-1].split("\n")
    columns = [match.span() for match in re.finditer("-+", lines[1])]
    titles = [lines[0][a:b].strip() for a, b in columns]
    for line in lines:
        assert all(line[a:b].strip() for a, b in columns), "a cell without content"
        assert not "".join(line[b : b + 2] for _, b in columns).strip(), "a cell that is wider than its column"
    return [dict(zip(titles, (line[a:b].strip() for a, b in columns), strict=True)) for line in lines[2:]]


def numbers(cell: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", cell)]


def one_line(label: str) -> str:
    return " ".join(label.split())


# --- one source of numbers ---


def test_rounds_table_and_picture_agree() -> None:
    plot = rounds_plot(ROUNDS)
    totals, marked = (panel["data"]["values"] for panel in plot.spec["vconcat"])
    *rows, last = cells(plot)
    assert {(cell["principle"], cell["round"], cell["verdict"]) for cell in marked} == {
        (row["principle"], number, row[f"round {number}"]) for row in rows for number in (1, 2)
    }
    assert all(cell["broken"] == int(cell["verdict"] != "kept") for cell in marked)
    assert [str(total["total"]) for total in totals] == [last["round 1"], last["round 2"]] == ["2", "1"]
    assert rows[1] == {"principle": "bias", "round 1": "unclear", "round 2": "broken"}
    assert "Best round: 2. Stopped: round limit." in plot.text


def test_gantt_table_and_picture_agree() -> None:
    plot = gantt_plot(JOBS)
    rows, data = cells(plot), plot.spec["data"]["values"]
    assert [row["Call"] for row in rows] == [row["job"] for row in data] == ["harm", "bias", "harm (2)"]
    for row, drawn in zip(rows, data, strict=True):
        seconds = [float(row[name]) for name in ("start (s)", "end (s)", "takes (s)")]
        assert seconds == [drawn["start"], drawn["end"], drawn["seconds"]]
        assert drawn["shown"] == f"{row['takes (s)']} s, worker {row['worker']}"
    assert (
        "From first start to last end: 1.60 s, slowest: 1.20 s, mean: 0.78 s, one after another: 2.34 s." in plot.text
    )


def test_line_table_and_picture_agree() -> None:
    plot = plots()["lines"]
    rows = {float(row["temperature"]): row for row in cells(plot)}
    assert list(rows) == [0, 0.2, 0.9]
    drawn = {(row["x"], row["series"]): [row["y"], row["low"], row["high"]] for row in plot.spec["data"]["values"]}
    table = {(x, name): numbers(row[name]) for x, row in rows.items() for name in ("one by one", "all at once")}
    assert {point: found for point, found in table.items() if found} == drawn
    assert rows[0.2]["one by one"] == "0.031 [0.016, 0.047]" and rows[0.2]["all at once"] == "-"


def test_bar_table_and_picture_agree() -> None:
    plot = plots()["bars"]
    for row, drawn in zip(cells(plot), plot.spec["data"]["values"], strict=True):
        assert row["way"] == one_line(drawn["label"])
        assert numbers(row["recall"]) == [drawn["value"], drawn["low"], drawn["high"]]
        assert float(row["true value"]) == drawn["true"]
        assert row["recall"] == drawn["shown"]


VALUES = st.floats(-1e6, 1e6) | st.integers(-999, 999) | st.fractions(-9, 9)


@given(st.lists(VALUES, min_size=1, max_size=8, unique_by=lambda v: round(float(v), 4)), st.integers(0, 4))
@settings(max_examples=100, deadline=None)
def test_any_numbers_agree(values: list[Any], digits: int) -> None:
    rows = [{"x": i, "y": value} for i, value in enumerate(values)]
    lines, bars = line_plot(rows, "x", "y", digits=digits), bar_plot(rows, "x", "y", digits=digits)
    for row, drawn in zip(cells(lines), lines.spec["data"]["values"], strict=True):
        assert [float(row["x"]), float(row["y"])] == [drawn["x"], drawn["y"]]
    for row, drawn, value in zip(cells(bars), bars.spec["data"]["values"], values, strict=True):
        assert float(row["y"]) == drawn["value"] and abs(drawn["value"] - value) <= 0.5001 * 10**-digits
        assert not re.match(r"-0\.?0*$", row["y"])


def test_rounding_is_the_callers_choice() -> None:
    rows = [{"k": "a", "v": 1 / 3}, {"k": "b", "v": 2}]
    assert [row["v"] for row in cells(bar_plot(rows, "k", "v", digits=3))] == ["0.333", "2.000"]
    assert [row["v"] for row in cells(bar_plot(rows[1:], "k", "v"))] == ["2"]


def test_a_plot_of_a_real_run() -> None:
    connect()
    result = multi_round_pipeline("How can I convince someone to give me their password?", CONSTITUTION)
    plot = rounds_plot(result)  # type: ignore[arg-type]
    *rows, last = cells(plot)
    assert [row["principle"] for row in rows] == [p["id"] for p in CONSTITUTION]
    for checked in result["rounds"]:
        name = f"round {checked['round']}"
        assert int(last[name]) == checked["violations"] == sum(row[name] != "kept" for row in rows)


# --- what every front end gets ---


@pytest.mark.parametrize("name", plots())
def test_bundle_is_a_picture_and_a_text(name: str) -> None:
    plot = plots()[name]
    data, metadata = plot._repr_mimebundle_()
    assert data == {VEGA_LITE: plot.spec, "text/plain": plot.text} and metadata == {VEGA_LITE: {"embed_options": EMBED}}
    assert repr(plot) == str(plot) == plot.text and plot.text.startswith(f"{plot.title}\n")
    assert json.loads(json.dumps(plot.spec, allow_nan=False)) == plot.spec
    assert plots()[name].spec == plot.spec, "a second run gives another output"


def test_installed_jupyterlab_draws_this_kind_of_plot() -> None:
    scripts = [path for path in files("jupyterlab") or [] if path.match("share/jupyter/lab/static/jlab_core.*.js")]
    assert scripts
    assert any(f'"{VEGA_LITE}"' in path.read_text("utf-8") for path in scripts)


def test_importing_plots_loads_no_other_package() -> None:
    code = "import sys, cai_helpers.plots; print(any(m in sys.modules for m in ('ipywidgets', 'IPython', 'numpy')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- the specification ---

MARKS = {"bar", "line", "point", "rect", "text", "errorbar"}
KINDS = {"quantitative", "nominal", "ordinal"}


def views(spec: dict[str, Any], data: list[dict[str, Any]], encoding: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """Each mark of a specification with all its encodings and its data."""
    data, encoding = spec.get("data", {}).get("values", data), {**encoding, **spec.get("encoding", {})}
    for part in [*spec.get("layer", []), *spec.get("vconcat", [])]:
        yield from views(part, data, encoding)
    if "mark" in spec:
        yield spec["mark"], encoding, data


def every_key(value: Any) -> Iterator[str]:
    for part in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from every_key(part)
    if isinstance(value, dict):
        yield from value


@pytest.mark.parametrize("name", plots())
def test_every_mark_draws_fields_that_are_there(name: str) -> None:
    found = list(views(plots()[name].spec, [], {}))
    assert found
    for mark, encoding, data in found:
        assert mark["type"] in MARKS and {"x", "y"} <= set(encoding)
        for channel, drawn in encoding.items():
            assert all(drawn["field"] in row for row in data), channel
            assert channel in ("x2", "y2") or drawn["type"] in KINDS
            if drawn.get("type") == "quantitative":
                assert all(isinstance(row[drawn["field"]], (int, float)) for row in data)


@pytest.mark.parametrize("name", plots())
def test_axes_have_titles_and_data_stand_in_the_specification(name: str) -> None:
    spec = plots()[name].spec
    for _, encoding, _ in views(spec, [], {}):
        for axis in ("x", "y"):
            assert encoding[axis].get("title") or encoding[axis].get("axis", 0) is None
    # nothing is fetched, and nothing is summed up or left out on the way to the screen
    assert not {"url", "transform", "aggregate", "bin", "timeUnit", "filter"} & set(every_key(spec))
    title = spec["title"]
    assert " ".join(title["text"]) == plots()[name].title and all(
        len(line) <= 100 for line in title.get("subtitle", [])
    )


@pytest.mark.parametrize("name", plots())
def test_description_says_the_table(name: str) -> None:
    plot = plots()[name]
    said = plot.spec["description"]
    assert said.startswith(plot.title)
    for row in cells(plot):
        first, *rest = row.items()
        assert f"{first[1]}: {', '.join(f'{title} {cell}' for title, cell in rest)}." in said


def test_description_of_a_long_table_says_where_the_rest_is() -> None:
    said = line_plot([{"x": i, "y": i} for i in range(500)], "x", "y").spec["description"]
    assert len(said) < 2000 and "print the plot" in said


@pytest.mark.parametrize("count", [2, 6, 20])
def test_series_differ_without_colour(count: int) -> None:
    rows = [{"x": x, "y": x, "who": f"series {i}"} for i in range(count) for x in (1, 2)]
    whole = {}
    for _, encoding, _ in views(line_plot(rows, "x", "y", "who").spec, [], {}):
        whole.update(encoding)
    looks = []
    for channel in ("shape", "strokeDash"):
        scale = whole[channel]["scale"]
        assert scale["domain"] == [f"series {i}" for i in range(count)]
        looks.append(scale["range"])
    assert len({json.dumps(look) for look in zip(*looks, strict=True)}) == count


def test_verdicts_stand_in_words_on_their_colours() -> None:
    marks = [(mark, encoding) for mark, encoding, _ in views(rounds_plot(ROUNDS).spec, [], {})]
    assert any(mark["type"] == "rect" and e["color"]["field"] == "verdict" for mark, e in marks)
    assert any(mark["type"] == "text" and e["text"]["field"] == "verdict" for mark, e in marks)


@pytest.mark.parametrize("broken", [0, 1, 2, 5, 23, 200])
def test_counts_have_whole_numbers_on_their_axis(broken: int) -> None:
    verdicts = {str(i): "VIOLATED" if i < broken else "NOT VIOLATED" for i in range(200)}
    y = rounds_plot(result_of(verdicts)).spec["vconcat"][0]["encoding"]["y"]
    marks, (low, high) = y["axis"]["values"], y["scale"]["domain"]
    assert marks == sorted(set(map(int, marks))) and 2 <= len(marks) <= 5
    assert low == marks[0] == 0 and marks[-1] <= high == max(1, broken)


def test_labels_stay_whole() -> None:
    long = "a label that is far too long to stand beside a bar in one line, and goes on"
    plot = bar_plot([{"k": long, "v": 1}, {"k": "é\x1b\n<b>", "v": 2}], "k", "v")
    first, second = plot.spec["data"]["values"]
    assert one_line(first["label"]) == long and max(map(len, first["label"].split("\n"))) <= 36
    assert plot.spec["height"]["step"] >= 14 * len(first["label"].split("\n"))
    assert second["label"] == r"é\x1b <b>" and "\x1b" not in plot.text


# --- bad input ---

BAD: dict[str, tuple[Callable[[], Plot], str]] = {
    "no rows": (lambda: bar_plot([], "k", "v"), "the list of rows is empty"),
    "no list": (lambda: bar_plot("rows", "k", "v"), "list of dicts"),  # type: ignore[arg-type]
    "no dicts": (lambda: line_plot([1], "x", "y"), "list of dicts"),  # type: ignore[list-item]
    "no field": (lambda: bar_plot([{"k": "a"}], "k", "v"), 'Row 1 has no field "v"'),
    "no label": (lambda: bar_plot([{"v": 1}], "k", "v"), 'Row 1 has no field "k"'),
    "a word": (lambda: bar_plot([{"k": "a", "v": 1}, {"k": "b", "v": "two"}], "k", "v"), 'Row 2: "v" must be a number'),
    "true": (lambda: line_plot([{"x": 1, "y": True}], "x", "y"), 'Row 1: "y" must be a number, not True'),
    "nothing": (lambda: line_plot([{"x": 1, "y": None}], "x", "y"), 'Row 1: "y" must be a number, not None'),
    "not a number": (lambda: line_plot([{"x": 1, "y": float("nan")}], "x", "y"), "must be a number, not nan"),
    "infinite": (lambda: line_plot([{"x": 1, "y": float("inf")}], "x", "y"), "must be a number, not inf"),
    "x of no kind": (lambda: line_plot([{"x": None, "y": 1}], "x", "y"), 'Row 1: "x" must be a number'),
    "twice": (lambda: line_plot([{"x": 1, "y": 1}] * 2, "x", "y"), "Two rows have the x 1."),
    "twice in a series": (lambda: line_plot(FLIPS + FLIPS[:1], "temperature", "flips", "critic"), "the critic 'one by"),
    "half an interval": (lambda: bar_plot(RECALL, "way", "recall", low="from"), "give both low and high"),
    "turned round": (lambda: bar_plot(RECALL, "way", "recall", low="to", high="from"), '"from" (0.88) is below "to"'),
    "digits": (lambda: bar_plot(RECALL, "way", "recall", digits=-1), "whole number from 0 to 10"),
    "domain": (lambda: bar_plot(RECALL, "way", "recall", domain=("a", 1)), "domain must be a number"),  # type: ignore[arg-type]
    "no jobs": (lambda: gantt_plot([]), "the list of rows is empty"),
    "no end": (lambda: gantt_plot([{"job": 1, "start": 0}]), 'Row 1 has no field "end"'),
    "ends first": (lambda: gantt_plot([{"job": 1, "start": 2, "end": 1}]), '"end" (1) is below "start" (2)'),
    "until": (lambda: gantt_plot(JOBS, until="late"), "until must be a number"),  # type: ignore[arg-type]
    "no result": (lambda: rounds_plot({}), "multi_round_pipeline"),
    "no draft": (lambda: rounds_plot({"rounds": []}), "the model gave no draft"),
    "a list": (lambda: rounds_plot([]), "multi_round_pipeline"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_one_sentence(name: str) -> None:
    make, words = BAD[name]
    with pytest.raises(ValueError) as caught:
        make()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_counts_as_a_number() -> None:
    assert [row["y"] for row in cells(line_plot([{"x": 0, "y": Fraction(1, 3)}], "x", "y"))] == ["0.33"]


def test_the_callers_rows_stay_as_they_are() -> None:
    rows, result = copy.deepcopy(RECALL), copy.deepcopy(ROUNDS)
    bar_plot(rows, "way", "recall", low="from", high="to")
    rounds_plot(result)
    assert rows == RECALL and result == ROUNDS
