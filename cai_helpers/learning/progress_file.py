"""What a learner has done: one small JSON file, `progress.json` beside the notebook, that can be carried along.

CAI_PROGRESS names another file. It holds exercise ids, statuses and counts: no names, no paths, no answers.
Hints cost nothing, and the points of an exercise count once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .asides import Sentence
from .exercises import Exercise, Sheet, load_sheets
from .verdicts import CORRECT, NOT_STARTED, NOT_YET

HOME = Path.cwd()  # where the notebook is: taken before a learner's code can change the folder
FILE = "progress.json"
STATUSES = (NOT_STARTED, NOT_YET, CORRECT)
Row = dict[str, Any]
State = dict[str, Row]

_unsaved: State = {}  # what could not be written: kept until the kernel stops


def progress(load: str | Path | None = None, *, everything: bool = False) -> Sentence:
    """Exercises, attempts, hints, points and what is next. load: another progress file, to be taken into this one.

    everything: all chapters in full, also those that were not begun.
    """
    notes = [take(Path(load))] if load is not None else []
    state, note = read(path())
    return Sentence(
        "\n".join([*notes, *filter(None, [note]), table(merged(state, _unsaved), load_sheets(), everything)])
    )


def progress_of(file: str | None = None) -> str:
    """The table for a progress file; without one, of the working folder or of exercises/. Changes no file.

    Raises ValueError with one sentence for a file that is missing or is no progress file.
    """
    places = [Path(file)] if file else [path(), HOME / "exercises" / FILE]
    found = next((place for place in places if place.is_file()), None)
    if found is None and file:
        raise ValueError(f"There is no file {file}: give the path of a progress.json.")
    try:
        state = parse(found.read_text(encoding="utf-8-sig")) if found else {}
    except (OSError, ValueError):
        raise ValueError(f"{found} is not a progress file: it cannot be read.") from None
    return table(state, load_sheets())


def path() -> Path:
    """The progress file of this notebook."""
    return HOME / (os.environ.get("CAI_PROGRESS") or FILE)


def record(exercise_id: str, verdict: str = NOT_STARTED, *, hints: int = 0) -> str:
    """Note an attempt (not yet, correct) or how many hints were shown. Returns "" or a sentence about the file."""
    attempt = int(verdict in (NOT_YET, CORRECT))
    if not attempt and not hints:
        return ""
    state, note = read(path())
    state = merged(state, _unsaved)
    old = state.get(exercise_id, row())
    new = row(verdict, old["attempts"] + attempt, hints)
    state[exercise_id] = {**merged({"": old}, {"": new})[""]}
    return " ".join(filter(None, [note, write(path(), state)]))


def shown_hints(exercise_id: str) -> int:
    """How many hints of an exercise were shown."""
    return int(_row(exercise_id)["hints"])


def solved(exercise_id: str) -> bool:
    """Whether an exercise was correct once."""
    return bool(_row(exercise_id)["status"] == CORRECT)


def take(other: Path) -> str:
    """Take another progress file into this one; a sentence says what came of it."""
    try:
        found = parse(other.read_text(encoding="utf-8-sig"))
    except OSError:
        return f"{other.name} could not be opened, so nothing was taken from it."
    except ValueError:
        return f"{other.name} is not a progress file, so nothing was taken from it."
    state, note = read(path())
    problem = write(path(), merged(merged(state, _unsaved), found))
    return " ".join(filter(None, [note, problem, f"Taken from {other.name}: {len(found)} exercises."]))


def row(status: str = NOT_STARTED, attempts: int = 0, hints: int = 0) -> Row:
    """The record of one exercise."""
    return {"status": status, "attempts": attempts, "hints": hints}


def merged(one: Mapping[str, Row], other: Mapping[str, Row]) -> State:
    """Two records as one: the better status and the higher counts, so that merging twice adds nothing."""
    result = {key: dict(value) for key, value in one.items()}
    for key, new in other.items():
        old = result.get(key, row())
        status = max(old["status"], new["status"], key=STATUSES.index)
        result[key] = row(status, max(old["attempts"], new["attempts"]), max(old["hints"], new["hints"]))
    return result


def parse(text: str) -> State:
    """The record in a progress file's text; entries that make no sense are left out. ValueError for another file."""
    data = json.loads(text)
    entries = data.get("exercises") if isinstance(data, dict) else None
    if not isinstance(entries, dict):
        raise ValueError("no exercises")
    state = {}
    for key, found in entries.items():
        if isinstance(found, dict) and found.get("status") in STATUSES:
            counts = [found.get(name) for name in ("attempts", "hints")]
            state[str(key)] = row(found["status"], *(n if type(n) is int and n >= 0 else 0 for n in counts))
    return state


def read(file: Path) -> tuple[State, str]:
    """The record in a file and a note. A broken file is kept aside, and the note says so."""
    try:
        return parse(file.read_text(encoding="utf-8-sig")), ""
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{file.name} could not be opened ({error.strerror}): your progress lasts until the kernel stops."
    except ValueError:
        aside, number = file.with_name(f"{file.stem}.broken.json"), 1
        while aside.exists():
            number += 1
            aside = file.with_name(f"{file.stem}.broken-{number}.json")
        try:
            file.replace(aside)
        except OSError:
            return {}, f"{file.name} could not be read, and not moved aside either."
        return {}, f"{file.name} could not be read. It is kept as {aside.name}, and a new one begins."


def write(file: Path, state: Mapping[str, Row]) -> str:
    """Write the record, whole or not at all. Returns "" or a sentence about what went wrong."""
    text = json.dumps({"format": 1, "exercises": dict(state)}, indent=1, sort_keys=True) + "\n"
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(file)
    except OSError as error:
        _unsaved.update({key: dict(value) for key, value in state.items()})
        return f"{file.name} could not be written ({error.strerror}): your progress lasts until the kernel stops."
    _unsaved.clear()
    return ""


def table(state: Mapping[str, Row], sheets: list[Sheet], everything: bool = False) -> str:
    """The record beside the exercises that there are, in text."""
    all_of_them = [(sheet, found) for sheet in sheets for found in sheet.exercises]
    if not all_of_them:
        return "No exercises are installed."
    done = [found for _, found in all_of_them if state.get(found.id, row())["status"] == CORRECT]
    points, most = sum(found.xp for found in done), sum(found.xp for _, found in all_of_them)
    waiting = [(sheet, found) for sheet, found in all_of_them if found not in done]
    following = waiting[0][0] if waiting else None
    shown = [sheet for sheet in sheets if everything or sheet is following or _begun(sheet, state)]
    rest = [sheet.number for sheet in sheets if sheet not in shown]
    rows: list[tuple[str, ...]] = [("Exercise", "Title", "Status", "Attempts", "Hints", "xp")]
    rows += [_cells(found, state.get(found.id, row())) for sheet in shown for found in sheet.exercises]
    widths = [max(len(line[column]) for line in rows) for column in range(6)]
    lines = [f"Progress: {len(done)} of {len(all_of_them)} exercises correct, {points} of {most} xp.", ""]
    lines += ["  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip() for line in rows]
    lines += ["", *([f"Not begun yet: chapter{'s' * (len(rest) > 1)} {', '.join(rest)}."] if rest else [])]
    if not waiting:
        return "\n".join([*lines, "All exercises are correct."])
    sheet, found = waiting[0]
    where = f"{sheet.name}.ipynb, {found.minutes} minutes, {found.xp} xp"
    return "\n".join([*lines, f"Next: {found.id} {found.title} ({where})."])


def _cells(exercise: Exercise, found: Row) -> tuple[str, ...]:
    points = f"{exercise.xp if found['status'] == CORRECT else 0} of {exercise.xp}"
    return exercise.id, exercise.title, found["status"], str(found["attempts"]), str(found["hints"]), points


def _begun(sheet: Sheet, state: Mapping[str, Row]) -> bool:
    return any(found.id in state for found in sheet.exercises)


def _row(exercise_id: str) -> Row:
    state, _ = read(path())
    return merged(state, _unsaved).get(exercise_id, row())
