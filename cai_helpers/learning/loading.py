"""Read a learner's notebook file, whatever an editor or git made of it, or say in one sentence why it cannot be read.

Only the learner's texts are taken: outputs, counts and notebook metadata are left behind.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .manifest import CourseError

MAX_BYTES = 300_000_000
MERGE_MARKS = re.compile(r"^(<{7}|>{7})( |$)", re.MULTILINE)


class Unreadable(CourseError):
    """The file is not a notebook that can be graded; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class LearnerCell:
    """A cell of the learner's file. number: its place among all cells, from 1. kind: "code", "markdown", ..."""

    number: int
    kind: str
    source: str
    id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def load(path: Path) -> list[LearnerCell]:
    """The cells of a notebook file of format 2 to 4. Raises Unreadable with one sentence."""
    if path.is_dir():
        raise Unreadable("There is no notebook in this folder.")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise Unreadable(f"The file has {size // 1_000_000} MB: clear its outputs and save it again.")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise Unreadable("There is no such file or folder.") from None
    except OSError as error:
        raise Unreadable(f"The file cannot be opened: {error.strerror or error}.") from None
    return cells_of(parse(raw))


def parse(raw: bytes) -> dict[str, Any]:
    """The file's bytes as a notebook. Raises Unreadable."""
    text = _decoded(raw)
    if not text.strip():
        raise Unreadable("The file is empty: save the notebook again, or take a fresh copy from exercises/.")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(_not_json(text, error)) from None
    except RecursionError:
        raise Unreadable("The file is not a notebook: its JSON is nested too deeply.") from None
    if not isinstance(data, dict):
        kind = {list: "a list", str: "a text", bool: "a truth value", type(None): "null"}.get(type(data), "a number")
        raise Unreadable(f"The file is not a notebook: it holds {kind} where a notebook holds an object.")
    return data


def cells_of(data: dict[str, Any]) -> list[LearnerCell]:
    """The cells of a parsed notebook. Raises Unreadable."""
    version = data.get("nbformat")
    if "cells" not in data and "worksheets" not in data:
        raise Unreadable("The file is not a notebook: it has no cells.")
    if isinstance(version, bool) or not isinstance(version, int) or not 2 <= version <= 4:
        raise Unreadable(f"The notebook has the format {version!r}: open it in JupyterLab and save it as format 4.")
    rows = data.get("cells") if version == 4 else _worksheet_cells(data)
    if not isinstance(rows, list):
        raise Unreadable(f"The notebook says format {version}, but its cells are not a list as in that format.")
    return [_cell(row, number) for number, row in enumerate(rows, 1)]


def _decoded(raw: bytes) -> str:
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"The file is not text in UTF-8 (byte {error.start}): it may be damaged.") from None


def _not_json(text: str, error: json.JSONDecodeError) -> str:
    if MERGE_MARKS.search(text):
        line = text[: MERGE_MARKS.search(text).start()].count("\n") + 1  # type: ignore[union-attr]
        return f"The file holds git merge markers (line {line}): resolve the merge and save the notebook again."
    if not text.lstrip().startswith(("{", "[")):
        return "The file is not a notebook: it does not hold JSON."
    if error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string"):
        return f"The file is cut off (line {error.lineno}): save the notebook again."
    return f"The file is not valid JSON (line {error.lineno}): {error.msg}."


def _worksheet_cells(data: dict[str, Any]) -> Any:
    """Formats 2 and 3 keep the cells in worksheets."""
    sheets = data.get("worksheets")
    if not isinstance(sheets, list) or not all(isinstance(sheet, dict) for sheet in sheets):
        return None
    return [row for sheet in sheets for row in sheet.get("cells") or []]


def _cell(row: Any, number: int) -> LearnerCell:
    if not isinstance(row, dict):
        raise Unreadable(f"Cell {number} of the notebook is broken: it is not an object.")
    source = row.get("source", row.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Unreadable(f"Cell {number} of the notebook is broken: its source is not text.")
    metadata = row.get("metadata")
    return LearnerCell(
        number,
        str(row.get("cell_type", "code")),
        source.replace("\r\n", "\n").replace("\r", "\n"),
        str(row.get("id", "")),
        metadata if isinstance(metadata, dict) else {},
    )
