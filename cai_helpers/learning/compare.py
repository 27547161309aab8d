"""nbval's comparison of cell outputs, in the standard library, so that the browser gives the same verdicts.

Follows nbval 0.11 (`coalesce_streams` and `compare_outputs` in nbval/plugin.py, without a sanitise file); a test
compares the two on random outputs, so that a change in nbval is noticed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from .exercises import joined

Output = dict[str, Any]

SKIPPED = (
    "metadata",
    "traceback",
    "prompt_number",
    "output_type",
    "name",
    "execution_count",
    "application/vnd.jupyter.widget-view+json",
    "image/png",
    "image/jpeg",
)
STREAMS = ("stdout", "stderr")  # what a check's run prints is left out on top
_OVERWRITTEN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)


def coalesce_streams(outputs: Sequence[Output]) -> list[Output]:
    """The outputs with all pieces of one stream joined, at the first one's place; overwritten text is dropped."""
    merged: list[Output] = []
    streams: dict[str, Output] = {}
    for output in outputs:
        if output["output_type"] != "stream":
            merged.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += joined(output["text"])
        else:
            streams[output["name"]] = {**output, "text": joined(output["text"])}
            merged.append(streams[output["name"]])
    for stream in streams.values():
        stream["text"] = _OVERWRITTEN.sub("", stream["text"])
    return merged


def difference(got: Sequence[Output], recorded: Sequence[Output], skip: Collection[str] = ()) -> str:
    """The first difference between two coalesced lists of outputs in one line; "" where nbval finds none.

    skip: fields to leave out beside SKIPPED, such as STREAMS.
    """
    ours, theirs = _fields(got, skip), _fields(recorded, skip)
    for name in sorted(set(theirs) - set(ours)):
        return f"missing output: {name}"
    for name in sorted(set(ours) - set(theirs)):
        return f"unexpected output: {name}"
    for name, values in theirs.items():
        if len(values) != len(ours[name]):
            return f"{len(ours[name])} outputs of {name}, not {len(values)}"
        for value, other in zip(values, ours[name], strict=True):
            if value != other:
                return f"{name}: expected {value}, got {other}"
    return ""


def result(text: str) -> Output:
    """The output of a cell whose last expression shows as `text`."""
    return {"output_type": "execute_result", "data": {"text/plain": text}, "metadata": {}, "execution_count": 1}


def _fields(outputs: Sequence[Output], skip: Collection[str]) -> dict[str, list[Any]]:
    """{field or MIME type: its values in order}, a stream's text under the stream's name."""
    found: dict[str, list[Any]] = defaultdict(list)
    for output in outputs:
        if output["output_type"] == "stream":
            output = {"output_type": "stream", output["name"]: output["text"]}
        for name, value in output.items():
            if name in SKIPPED or name in skip:
                continue
            for part, content in value.items() if name == "data" else [(name, value)]:
                if part not in SKIPPED and part not in skip:
                    found[part].append(joined(content) if isinstance(content, list) else content)
    return found
