"""Plots of what the lessons measure, each with the same numbers as a text table.

A plot is a Vega-Lite specification in its MIME bundle: JupyterLab and JupyterLite draw it with no package. Everything
else (a code-hosting page, a terminal, nbval) gets the table. Both are made from one list of rounded values.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from numbers import Integral, Real
from typing import Any

from cai_helpers.widgets import visible

VEGA_LITE = "application/vnd.vegalite.v5+json"  # the newest that JupyterLab 4.6 draws (with Vega-Lite 5.6)
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
# SVG keeps the words as words: sharp at any zoom, and each mark has a label that a screen reader can say.
EMBED = {"renderer": "svg", "actions": False}

# Okabe and Ito's colours, in the order of their contrast with a white page and with a dark one. They never stand
# alone: a word, a shape or a dash says the same.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
PALETTE = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4]]
GREY = "#E0E0E0"  # a fill on which black words can be read, on a white page and on a dark one

# What no theme sets. Colours of words and axes are left to the theme, which makes them white on a dark page.
CONFIG = {
    "view": {"stroke": None},
    "axis": {"labelLimit": 0, "titlePadding": 8, "titleLimit": 0, "labelFlush": False, "gridOpacity": 0.5},
    "legend": {"labelLimit": 0, "symbolSize": 110, "symbolOpacity": 1, "symbolStrokeWidth": 0},
    "style": {"guide-label": {"fontSize": 12}, "guide-title": {"fontSize": 12}},
}
WORDS = {"type": "text", "color": "currentColor", "fontSize": 12}  # in SVG: the colour of the page's own words
PLOT_WIDTH = 440  # pixels, without labels: with them a plot fits a notebook's column
LABEL_COLUMNS = 36  # a longer label goes on in a further line
SPOKEN_ROWS = 40  # a description with more would be read out for minutes


@dataclass(frozen=True)
class Plot:
    """text: title, what is to be said about the plot, and the table. spec: the Vega-Lite specification."""

    title: str
    text: str
    spec: dict[str, Any]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        return {VEGA_LITE: self.spec, "text/plain": self.text}, {VEGA_LITE: {"embed_options": EMBED}}

    def __repr__(self) -> str:
        return self.text


# --- The plots ---


def rounds_plot(result: Mapping[str, Any], title: str = "Broken principles by round") -> Plot:
    """Which principles each round's text breaks, and how many, for what `multi_round_pipeline` returns.

    An unclear verdict counts as broken. ValueError for something else, and where there is no round."""
    rounds = result.get("rounds") if isinstance(result, Mapping) else None
    if not isinstance(rounds, list):
        raise ValueError("rounds_plot shows what multi_round_pipeline returns: give it that dict.")
    if not rounds:
        raise ValueError("There is no round to plot: the model gave no draft.")
    cells = [
        {"round": r["round"], "principle": wrapped(name), "broken": broken, "verdict": in_a_word(r["verdicts"][name])}
        for r in rounds
        for name, broken in r["by_principle"].items()
    ]
    totals = [{"round": r["round"], "total": sum(r["by_principle"].values())} for r in rounds]
    columns: Columns = [("principle", [*rounds[0]["by_principle"], "total broken"])]
    for total in totals:
        found = [cell["verdict"] for cell in cells if cell["round"] == total["round"]]
        columns.append((f"round {total['round']}", [*found, str(total["total"])]))
    said = f"Round 1 is the draft. Best round: {result['best_round']}. Stopped: {result['stopped']}."
    step = max(56, min(100, PLOT_WIDTH // len(rounds)))
    drawn = {"vconcat": [totals_panel(totals, step), cells_panel(cells, step)], "spacing": 8}
    return plot(title, [said], columns, drawn)


def in_a_word(verdict: str) -> str:
    return {"VIOLATED": "broken", "NOT VIOLATED": "kept"}.get(verdict, "unclear")


def totals_panel(totals: list[Row], step: int) -> dict[str, Any]:
    """Bars with their number on top: how many principles each round's text breaks."""
    x = {"field": "round", "type": "ordinal", "axis": None}
    top = max(1, *(row["total"] for row in totals))
    # whole numbers only: nothing is broken by half
    axis = {"values": list(range(0, top + 1, -(-top // 4))), "format": "d"}
    scale = {"domain": [0, top]}
    y = {"field": "total", "type": "quantitative", "title": "Total broken", "axis": axis, "scale": scale}
    return {
        "data": {"values": totals},
        "width": {"step": step},
        "height": 90,
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": {"type": "bar", "color": VERMILION, "width": {"band": 0.5}}},
            {
                "mark": {**WORDS, "baseline": "bottom", "dy": -3},
                "encoding": {"text": {"field": "total", "type": "quantitative"}},
            },
        ],
    }


def cells_panel(cells: list[Row], step: int) -> dict[str, Any]:
    """One cell per principle and round, with its verdict in a word."""
    colors = {"domain": ["kept", "broken", "unclear"], "range": [GREY, VERMILION, ORANGE]}
    return {
        "data": {"values": cells},
        "width": {"step": step},
        "height": {"step": row_height(cells, "principle")},
        "encoding": {
            "x": {"field": "round", "type": "ordinal", "title": "Round", "axis": {"labelAngle": 0}},
            "y": label_axis("principle", "Principle"),
        },
        "layer": [
            {
                "mark": {"type": "rect", "width": {"band": 0.94}, "height": {"band": 0.88}},
                "encoding": {
                    "color": {"field": "verdict", "type": "nominal", "scale": colors, "legend": None},
                },
            },
            {
                "mark": {"type": "text", "color": "black", "fontSize": 12},
                "encoding": {"text": {"field": "verdict", "type": "nominal"}},
            },
        ],
    }


def gantt_plot(
    jobs: Sequence[Mapping[str, Any]],
    title: str = "When each call ran",
    *,
    until: float | None = None,
    job_title: str = "Call",
    digits: int = 2,
) -> Plot:
    """One bar per job, from its start to its end, in the order given. jobs: {"job": label, "start": seconds, "end":
    seconds}, and "worker" where it is known. until: where the time axis ends, so that two plots can be compared.

    ValueError for no jobs, a missing field, a time that is no number, or an end before its start."""
    read = Reader(jobs, digits)
    labels, starts, ends = read.labels("job"), read.numbers("start"), read.numbers("end")
    read.in_order(("start", starts), ("end", ends))
    spans = [tidy(end - start, digits) for start, end in zip(starts, ends, strict=True)]
    write = writer([*starts, *ends, *spans], digits)
    columns: Columns = [(job_title, labels)]
    for name, times in (("start (s)", starts), ("end (s)", ends), ("takes (s)", spans)):
        columns.append((name, list(map(write, times))))
    shown = [f"{write(span)} s" for span in spans]
    if read.has("worker"):
        workers = read.labels("worker", unique=False)
        columns.append(("worker", workers))
        shown = [f"{words}, worker {worker}" for words, worker in zip(shown, workers, strict=True)]
    wall = tidy(max(ends) - min(starts), digits)
    facts = {"From first start to last end": wall, "slowest": max(spans)}
    facts |= {"mean": tidy(sum(spans) / len(spans), digits), "one after another": tidy(sum(spans), digits)}
    said = ", ".join(f"{name}: {write(value)} s" for name, value in facts.items()) + "."
    rows = rows_of(job=list(map(wrapped, labels)), start=starts, end=ends, seconds=spans, shown=shown)
    scale = {} if until is None else {"scale": {"domain": [min(0, *starts), number(until, "until")]}}
    axis = {"field": "start", "type": "quantitative", "title": "Time in seconds", **scale}
    drawn = {
        "data": {"values": rows},
        "width": PLOT_WIDTH,
        "height": {"step": row_height(rows, "job")},
        "encoding": {"y": label_axis("job", job_title)},
        "layer": [
            {
                "mark": {"type": "bar", "color": BLUE, "height": {"band": 0.6}, "stroke": BLUE},
                "encoding": {"x": axis, "x2": {"field": "end"}},
            },
            words_after(axis, "end"),
        ],
    }
    return plot(title, [said], columns, drawn)


def line_plot(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    y: str,
    series: str | None = None,
    low: str | None = None,
    high: str | None = None,
    title: str = "",
    x_title: str = "",
    y_title: str = "",
    *,
    y_domain: tuple[float, float] | None = None,
    interval: str = "interval",
    digits: int = 2,
) -> Plot:
    """Points joined by lines. x, y, series, low, high: the names of the fields; x holds numbers, or words in their
    order; low and high are the ends of an interval around y, and interval says which one ("95 % interval").
    y_domain: the ends of the y axis.

    ValueError for no rows, a missing field, a y that is no number, or two rows for one point."""
    read = Reader(rows, digits)
    words = any(isinstance(value, str) for value in read.values(x))
    xs: list[Any] = read.labels(x, unique=False) if words else read.numbers(x)
    ys, (lows, highs) = read.numbers(y), read.interval(low, high)
    groups = read.labels(series, unique=False) if series else [y_title or y] * len(ys)
    names, places = list(dict.fromkeys(groups)), list(dict.fromkeys(xs))
    points = list(zip(xs, groups, strict=True))
    for point in points:
        if points.count(point) > 1:
            raise ValueError(
                f"Two rows have the {x} {point[0]!r}{f' and the {series} {point[1]!r}' if series else ''}."
            )
    shown = with_interval(ys, lows, highs, digits)
    places = places if words else sorted(places)
    columns: Columns = [(x_title or x, places if words else list(map(writer(places, digits), places)))]
    for name in names:
        known = {place: text for (place, group), text in zip(points, shown, strict=True) if group == name}
        columns.append((name, [known.get(place, "-") for place in places]))
    said = [f"In brackets and as whiskers: the {interval}."] if lows else []
    data = rows_of(x=xs, y=ys, series=groups, **({"low": lows, "high": highs} if lows else {}))
    drawn = {
        "data": {"values": data},
        "width": PLOT_WIDTH,
        "height": 260,
        "encoding": {
            "x": x_axis(x_title or x, None if words else places),
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": y_title or y,
                "scale": {"zero": True} if y_domain is None else {"domain": [number(v, "y_domain") for v in y_domain]},
            },
            "color": series_scale(names, PALETTE),
        },
        "layer": line_layers(names, y_title or y, bool(lows)),
    }
    return plot(title or f"{y_title or y} by {x_title or x}", said, columns, drawn)


def x_axis(title: str, places: list[Number] | None) -> dict[str, Any]:
    """The axis of words, or of numbers: with a mark at each place where there are few."""
    if places is None:
        return {"field": "x", "type": "nominal", "sort": None, "title": title, "axis": {"labelAngle": 0}}
    axis = {"axis": {"values": places}} if len(places) <= 10 else {}
    scale = {"zero": False, "nice": False, "padding": 16}
    return {"field": "x", "type": "quantitative", "title": title, "scale": scale, **axis}


def series_scale(names: list[str], values: list[Any]) -> dict[str, Any]:
    """An encoding that gives each series its own value; without a legend where there is one series only."""
    dealt = [values[i % len(values)] for i in range(len(names))]
    per_row = max(1, 84 // (max(map(len, names)) + 6))
    legend = {"orient": "top", "columns": per_row, "title": None} if len(names) > 1 else None
    return {"field": "series", "type": "nominal", "scale": {"domain": names, "range": dealt}, "legend": legend}


def line_layers(names: list[str], y_title: str, intervals: bool) -> list[dict[str, Any]]:
    """Whiskers where there are intervals, lines with a dash for each series, points with a shape for each."""
    whiskers = {
        "mark": {"type": "errorbar", "ticks": {"size": 8}, "thickness": 1.5},
        "encoding": {"y": {"field": "low", "type": "quantitative", "title": y_title}, "y2": {"field": "high"}},
    }
    return [
        *([whiskers] if intervals else []),
        {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {"strokeDash": series_scale(names, DASHES)}},
        {
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70, "tooltip": True},
            "encoding": {"shape": series_scale(names, SHAPES)},
        },
    ]


def bar_plot(
    rows: Sequence[Mapping[str, Any]],
    label: str,
    value: str,
    low: str | None = None,
    high: str | None = None,
    title: str = "",
    value_title: str = "",
    *,
    true: str | None = None,
    domain: tuple[float, float] | None = None,
    label_title: str = "",
    interval: str = "interval",
    digits: int = 2,
) -> Plot:
    """One horizontal bar per row, in the order given. label, value, low, high, true: the names of the fields; low and
    high are the ends of an interval (interval says which one), true is a value to compare with. domain: the ends of
    the value axis.

    ValueError for no rows, a missing field, or a value that is no number."""
    read = Reader(rows, digits)
    labels, values, (lows, highs) = read.labels(label), read.numbers(value), read.interval(low, high)
    trues = read.numbers(true) if true else []
    shown = with_interval(values, lows, highs, digits)
    columns: Columns = [(label_title or label, labels), (value_title or value, shown)]
    if true:
        columns.append(("true value", list(map(writer(trues, digits), trues))))
    said = [f"In brackets and as whiskers: the {interval}."] if lows else []
    said += ["The diamond is the true value."] if true else []
    ends = [max(0, *several) for several in zip(*filter(None, [values, highs, trues]), strict=True)]
    more = {"low": lows, "high": highs} if lows else {}
    more |= {"true": trues} if true else {}
    data = rows_of(label=list(map(wrapped, labels)), value=values, **more, shown=shown, words_at=ends)
    scale = {} if domain is None else {"scale": {"domain": [number(v, "domain") for v in domain]}}
    axis = {"field": "value", "type": "quantitative", "title": value_title or value, **scale}
    bars = {"mark": {"type": "bar", "color": SKY, "height": {"band": 0.65}}, "encoding": {"x": axis}}
    drawn = {
        "data": {"values": data},
        "width": PLOT_WIDTH,
        "height": {"step": row_height(data, "label")},
        "encoding": {"y": label_axis("label", label_title or label)},
        "layer": [bars, *marks_on_bars(axis, bool(lows), bool(true)), words_after(axis, "words_at")],
    }
    return plot(title or f"{value_title or value} by {label_title or label}", said, columns, drawn)


def marks_on_bars(axis: Row, intervals: bool, true: bool) -> list[dict[str, Any]]:
    """Whiskers and diamonds: black with a white edge, to be seen on a bar, a white page and a dark one."""
    ends = {"x": {**axis, "field": "low"}, "x2": {"field": "high"}}
    layers: list[dict[str, Any]] = []
    for color, thickness, size in (("white", 5, 14), ("black", 1.5, 10)) if intervals else ():
        mark = {"type": "errorbar", "color": color, "thickness": thickness, "ticks": {"size": size}}
        layers.append({"mark": mark, "encoding": ends})
    if true:
        mark = {"type": "point", "shape": "diamond", "filled": True, "fill": "black", "stroke": "white", "size": 90}
        layers.append(
            {"mark": {**mark, "strokeWidth": 1.5, "opacity": 1}, "encoding": {"x": {**axis, "field": "true"}}}
        )
    return layers


# --- What they share: reading rows, writing numbers, labels, the table ---

Row = dict[str, Any]
Number = int | float
Columns = list[tuple[str, list[str]]]  # title, and one cell for each row


class Reader:
    """Rows from a caller, read field by field: what cannot be drawn is a ValueError of one sentence."""

    def __init__(self, rows: Any, digits: int):
        if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= 10:
            raise ValueError(f"digits must be a whole number from 0 to 10, not {digits!r}.")
        if not isinstance(rows, (list, tuple)) or not all(isinstance(row, Mapping) for row in rows):
            raise ValueError("A plot is made of a list of dicts, one for each row.")
        if not rows:
            raise ValueError("There is nothing to plot: the list of rows is empty.")
        self.rows, self.digits = rows, digits

    def has(self, field: str) -> bool:
        return all(field in row for row in self.rows)

    def values(self, field: str) -> list[Any]:
        for place, row in enumerate(self.rows, 1):
            if field not in row:
                raise ValueError(f'Row {place} has no field "{field}".')
        return [row[field] for row in self.rows]

    def numbers(self, field: str) -> list[Number]:
        """The field of each row, rounded to `digits`; whole numbers stay whole."""
        named = [(value, f'Row {place}: "{field}"') for place, value in enumerate(self.values(field), 1)]
        return [tidy(number(value, name), self.digits) for value, name in named]

    def labels(self, field: str, unique: bool = True) -> list[str]:
        """The field of each row as a text; where each row needs its own, a second "x" becomes "x (2)"."""
        texts = [visible(" ".join(str(value).split())) for value in self.values(field)]
        if not unique:
            return texts
        names: list[str] = []
        for text in texts:
            tries = (f"{text} ({n})" if n > 1 else text for n in count(1))
            names.append(next(name for name in tries if name not in names))
        return names

    def interval(self, low: str | None, high: str | None) -> tuple[list[Number], list[Number]]:
        """Both ends of each row's interval; two empty lists where none is asked for."""
        if low is None and high is None:
            return [], []
        if low is None or high is None:
            raise ValueError("An interval has two ends: give both low and high, or neither.")
        lows, highs = self.numbers(low), self.numbers(high)
        self.in_order((low, lows), (high, highs))
        return lows, highs

    def in_order(self, one: tuple[str, list[Number]], other: tuple[str, list[Number]]) -> None:
        """ValueError where the second of two fields is below the first."""
        (low, lows), (high, highs) = one, other
        for place, (first, second) in enumerate(zip(lows, highs, strict=True), 1):
            if second < first:
                raise ValueError(f'Row {place}: "{high}" ({second}) is below "{low}" ({first}).')


def number(value: Any, name: str) -> Number:
    """The value as an int or a float. ValueError where it is no number, or none that can be drawn."""
    if not isinstance(value, bool) and isinstance(value, Real):
        found = int(value) if isinstance(value, Integral) else float(value)
        if abs(found) < 1e300:  # not for "not a number", which is below nothing
            return found
    raise ValueError(f"{name} must be a number, not {value!r}.")


def tidy(value: Number, digits: int) -> Number:
    """A float rounded, and never as -0.0; a whole number as it is."""
    return value if isinstance(value, int) else round(value, digits) + 0.0


def writer(values: Sequence[Number], digits: int) -> Callable[[Number], str]:
    """A function that writes these numbers: all of them with `digits` decimals, or all as whole numbers."""
    decimals = 0 if all(isinstance(value, int) for value in values) else digits
    return lambda value: f"{value:.{decimals}f}"


def with_interval(values: list[Number], lows: list[Number], highs: list[Number], digits: int) -> list[str]:
    """Each value as a text, with its interval in brackets where it has one."""
    write = writer([*values, *lows, *highs], digits)
    if not lows:
        return list(map(write, values))
    return [f"{write(v)} [{write(a)}, {write(b)}]" for v, a, b in zip(values, lows, highs, strict=True)]


def rows_of(**fields: list[Any]) -> list[Row]:
    """One dict per row, from one list per field."""
    return [dict(zip(fields, row, strict=True)) for row in zip(*fields.values(), strict=True)]


def wrapped(label: str) -> str:
    """A label in as many lines as it needs."""
    return textwrap.fill(visible(" ".join(label.split())), LABEL_COLUMNS)


def row_height(rows: list[Row], label: str) -> int:
    """Pixels for each row, so that the label with the most lines fits."""
    return 12 + 14 * max(1 + row[label].count("\n") for row in rows)


def label_axis(field: str, title: str) -> dict[str, Any]:
    """Labels from top to bottom in the order of the rows."""
    axis = {"labelExpr": "split(datum.value, '\\n')"}
    return {"field": field, "type": "nominal", "sort": None, "title": title, "axis": axis}


def words_after(axis: Row, field: str) -> dict[str, Any]:
    """The words of each row, right of where `field` lies on the axis."""
    place = {**axis, "field": field}
    text = {"field": "shown", "type": "nominal"}
    return {"mark": {**WORDS, "align": "left", "dx": 8}, "encoding": {"x": place, "text": text}}


def plot(title: str, said: list[str], columns: Columns, drawn: dict[str, Any]) -> Plot:
    """A plot of its parts: said stands below the title, in the picture and in the text."""
    title = visible(" ".join(title.split()))
    lines = [line for sentence in said for line in textwrap.wrap(sentence, 100)]
    heading = {
        "text": textwrap.wrap(title, 70),
        **({"subtitle": lines} if lines else {}),
        "anchor": "start",
        "fontSize": 14,
        "subtitleFontSize": 12,
        "subtitlePadding": 4,
        "offset": 12,
    }
    spec = {
        "$schema": SCHEMA,
        "description": " ".join([f"{title}.", *said, in_sentences(columns)]),
        "title": heading,
        "background": "transparent",
        "config": CONFIG,
        **drawn,
    }
    return Plot(title, "\n".join([title, *said, "", table(columns)]), spec)


def table(columns: Columns) -> str:
    """Columns of equal width: words from the left, numbers from the right."""
    lines: list[list[str]] = []
    for index, (title, cells) in enumerate(columns):
        width = max(map(len, [title, *cells]))
        left = index == 0 or not all(re.match(r"-?\d|-$", cell) for cell in cells)
        lines.append([cell.ljust(width) if left else cell.rjust(width) for cell in [title, "-" * width, *cells]])
    return "\n".join("  ".join(row).rstrip() for row in zip(*lines, strict=True))


def in_sentences(columns: Columns) -> str:
    """The table's rows to be read out: "harm: round 1 broken, round 2 kept." """
    _, *titles = (title for title, _ in columns)
    rows = list(zip(*(cells for _, cells in columns), strict=True))
    spoken = [
        f"{name}: {', '.join(f'{title} {cell}' for title, cell in zip(titles, cells, strict=True))}."
        for name, *cells in rows[:SPOKEN_ROWS]
    ]
    return " ".join([*spoken, *(["More rows stand in the text: print the plot."] if len(rows) > SPOKEN_ROWS else [])])
