"""Chapter 12, second part: a file of training examples that survives the run that writes it.

In the order of the lesson: one example as one line, the lines read back, the torn last line of a killed run, and the
order of the prompts. A line is bytes up to a line feed: an example holds any character but that one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict


class Step(TypedDict):
    """One critique and revision. principle_text: the words that the model was shown."""

    principle_id: str
    principle_text: str
    critique: str
    revision: str


class Example(TypedDict):
    """What one prompt gave. number: its place among the prompts, from 1. steps: [] for a helpful prompt."""

    number: int
    prompt: str
    draft: str
    steps: list[Step]


def final(example: Example) -> str:
    """The text to train on: the last revision, or the draft where there was no step."""
    return example["steps"][-1]["revision"] if example["steps"] else example["draft"]


def to_line(row: Any) -> bytes:
    """A row as one line of JSON in UTF-8; characters that UTF-8 does not have are written as \\u escapes."""
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(row).encode() + b"\n"


def read_rows(path: str | Path) -> Iterator[Any]:
    """The rows of a file, one at a time. ValueError names a line that is no JSON."""
    with Path(path).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield json.loads(line)
            except ValueError:
                raise ValueError(f"{Path(path).name}: line {number} is not JSON. Delete it, and run again.") from None


def cut_torn_line(path: str | Path) -> int:
    """Cut off a last line that was not written to its end. Gives the number of bytes cut; 0 where there is no file."""
    if not Path(path).exists():
        return 0
    with Path(path).open("r+b") as file:
        size = place = file.seek(0, os.SEEK_END)
        end = 0
        while place and not end:
            place = max(0, place - 65_536)
            file.seek(place)
            found = file.read(min(65_536, size - place)).rfind(b"\n")
            end = place + found + 1 if found >= 0 else 0
        file.truncate(end)
    return size - end


def put_in_order(path: str | Path) -> None:
    """Sort the lines by number. Holds one line and the places of the others; the old file stays until the new is
    whole."""
    places, start = [], 0
    with Path(path).open("rb") as file:
        for line in file:
            places.append((json.loads(line)["number"], start))
            start += len(line)
        if places == sorted(places):
            return
        sorted_path = Path(f"{path}.sorted")
        with sorted_path.open("wb") as copy:
            for _, start in sorted(places):
                file.seek(start)
                copy.write(file.readline())
    sorted_path.replace(path)
