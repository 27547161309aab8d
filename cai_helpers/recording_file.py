"""A recording on disk: JSON lines, one exchange per line, behind a header line for each session that recorded.

A header line holds what a replay needs to ask in the same way: {"recording": 1, "date", "wire", "model",
"anthropic-version", "takes"}. An exchange line: {"question", "occurrence", "status", "headers", "reply" or
"events", "refused"}; see `cai_helpers.recording`, which fills them. Lines are only ever added, each in one write: a
killed process loses the line that it was writing, and no other.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from cai_helpers.client import Client

Json = dict[str, Any]


class Recording(TypedDict):
    """A file as it was read. damaged: the numbers of the lines that could not be read, counted from 1."""

    headers: list[Json]
    exchanges: list[Json]
    damaged: list[int]


def line_of(row: Json) -> bytes:
    """One line of the file. Every script stays readable; half a surrogate pair is escaped, for UTF-8 has none."""
    try:
        return json.dumps(row, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(row).encode() + b"\n"


def append(path: Path, lines: bytes) -> None:
    """Add whole lines at the end, in one write. A line that a killed process left unfinished is closed first."""
    with path.open("a+b") as file:
        if file.seek(0, 2):
            file.seek(-1, 2)
            lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.write(lines)


def load(path: Path) -> Recording:
    """Read a recording; a file that is not there counts as empty. ValueError for a file that is none at all."""
    recording: Recording = {"headers": [], "exchanges": [], "damaged": []}
    if path.exists():
        for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
            if line.strip():
                _add(recording, number, line)
    if recording["damaged"] and not recording["headers"] and not recording["exchanges"]:
        raise ValueError(f"{path.name} is not a recording: none of its lines can be read as one.")
    return recording


def _add(recording: Recording, number: int, line: bytes) -> None:
    try:
        row = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        row = None
    if _is_exchange(row):
        recording["exchanges"].append({**row, "line": number})
    elif _is_header(row):
        recording["headers"].append(row)
    else:
        recording["damaged"].append(number)


def _is_header(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and row.get("recording") == 1
        and isinstance(row.get("model"), str)
        and row.get("wire") in ("anthropic", "openai")
    )


def _is_exchange(row: Any) -> bool:
    question = row.get("question") if isinstance(row, dict) else None
    return (
        isinstance(question, dict)
        and isinstance(question.get("body"), dict)
        and question.get("wire") in ("anthropic", "openai")
        and isinstance(row.get("occurrence"), int)
        and isinstance(row.get("status"), int)
        and isinstance(row.get("headers"), dict)
        and (isinstance(row.get("reply"), dict) or _are_events(row.get("events")))
    )


def _are_events(events: Any) -> bool:
    return isinstance(events, list) and all(isinstance(event, dict) and "data" in event for event in events)


def damage(path: Path, recording: Recording) -> str:
    """The sentence on damaged lines, or ""."""
    numbers = ", ".join(map(str, recording["damaged"]))
    some = "line" if len(recording["damaged"]) == 1 else "lines"
    return f"{path.name}: {some} {numbers} damaged and skipped." if numbers else ""


def header_of(client: Client) -> Json:
    """The line that a session writes first: when, which model, and in which words to ask it."""
    takes = {**client.takes, "temperature": client.takes_temperature}
    today, version = date.today().isoformat(), client.headers.get("anthropic-version")
    names = {"date": today, "wire": client.wire["name"], "model": client.model, "anthropic-version": version}
    return {"recording": 1, **names, "takes": takes}


def check_target(path: Path, client: Client) -> Recording:
    """What a file to record into holds already. ValueError where it cannot be used, or holds this client's key."""
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"record= needs the name of a file in a folder that exists; {path} is none.")
    found = load(path)
    text = path.read_bytes().decode("utf-8", "replace") if path.exists() else ""
    if client.hide(text) != text:
        raise ValueError(f"{path.name} holds the API key. Delete the file, and take a new key: this one was written.")
    return found


def session_of(recording: Recording, model: str | None, wire: str | None) -> Json:
    """The first header that fits; where the header line is damaged, what the first exchange tells of it."""
    fits = [row for row in recording["headers"] if model in (None, row["model"]) and wire in (None, row["wire"])]
    for row in fits or recording["headers"][:1]:
        return row
    for question in (exchange["question"] for exchange in recording["exchanges"]):
        version = question.get("anthropic-version")
        return {"wire": question["wire"], "model": question["body"].get("model", ""), "anthropic-version": version}
    return {}
