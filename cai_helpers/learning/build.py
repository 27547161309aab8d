"""Build the exercises: `python -m cai_helpers build-exercises [NAME...] [--check] [--no-run]`.

For each solutions/NN_name.ipynb, the single source of a chapter's exercises:

1. Its cells run from top to bottom in a fresh kernel, as lessons do, and it is written in the same normal form.
2. The rules for checks hold (rules.py); run once more in another kernel, every check gives its recorded value twice,
   no mistake's test is True on the solution, and every starter fails (verify.py).
3. exercises/NN_name.ipynb and cai_helpers/learning/data/NN_name.json are written from it.

Where course.toml lists the chapter, its exercises must say the same there.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from . import exercises, rules
from .exercises import Cell, Exercise, ExerciseError, Sheet
from .lessons import (
    Notebook,
    check_ids,
    dumps,
    execute,
    first_difference,
    normalise,
    read_notebook,
    write_text,
)
from .manifest import MANIFEST, find_root, load_course
from .reader import read_sheet
from .verify import verify


def build_exercises(
    names: list[str] | None = None, *, check: bool = False, run: bool = True, root: Path | str | None = None
) -> list[str]:
    """Build the named sheets (default: all in solutions/). Returns one line per file that differs from its build.

    `check=True` writes nothing; `run=False` keeps the recorded outputs and skips what needs a run. Raises
    ExerciseError or CourseError with sentences that say what to do.
    """
    folder = find_root() if root is None else Path(root)
    changed = []
    for path in _chosen(folder, names or []):
        for target, text in built_files(path, folder, run=run).items():
            before = target.read_text(encoding="utf-8") if target.is_file() else ""
            shown = target.relative_to(folder).as_posix()
            if before == text:
                print(f"{shown}: as built")
                continue
            print(f"{shown}: {'differs' if check else 'written'}")
            changed.append(f"{shown}: {first_difference(before, text) if before else 'is missing'}")
            if not check:
                target.parent.mkdir(parents=True, exist_ok=True)
                write_text(target, text)
    return changed


def built_files(path: Path, root: Path, *, run: bool = True) -> dict[Path, str]:
    """{file: the text it must have} for a solutions notebook: itself, the learners' notebook and the JSON twin."""
    notebook = read_notebook(path)
    check_ids(notebook, path.name)
    written = read_sheet(notebook, path.stem)
    _refuse(path, [*rules.problems(written), *manifest_problems(written, root)])
    if run:
        notebook = execute(notebook, path)
    normalise(notebook)
    text = dumps(notebook)
    sheet = read_sheet(json.loads(text), path.stem)
    twin = exercises.to_json(sheet)
    _refuse(path, rules.recording_problems(sheet))
    if run:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "sheet.json"
            write_text(file, twin)
            _refuse(path, verify(sheet, path, file))
    return {
        path: text,
        root / "exercises" / path.name: dumps(learners_notebook(sheet)),
        exercises.data_folder(root) / f"{sheet.name}.json": twin,
    }


def learners_notebook(sheet: Sheet) -> Notebook:
    """What a learner gets: starters, no hidden checks, the visible ones with the solution's recorded values."""
    cells = [_markdown("title", sheet.intro), _code(sheet.setup)]
    for found in sheet.exercises:
        key = f"{found.id}.task"
        facts = {"key": key, "role": "task", "exercise": found.id}
        cells.append(_markdown(_id(key), with_facts(found), {"cai": facts}))
        cells += [_code(cell) for cell in found.given]
        cells.append(_code(Cell(found.answer.key, "answer", found.starter)))
        cells += [_code(cell) for cell in found.checks if cell.role == "check"]
        ask = f'# hint("{found.id}") shows one hint at a time.\ncheck("{found.id}")'
        cells.append(_code(Cell(f"{found.id}.ask", "given", ask)))
    cells.append(_code(Cell(f"{sheet.number}.progress", "given", "progress()")))
    notebook = {"cells": cells, "metadata": {}}
    normalise(notebook)
    return notebook


def with_facts(exercise: Exercise) -> str:
    """The task with a line of facts below its heading, in words beside the signs."""
    signs = "●" * exercise.difficulty + "○" * (5 - exercise.difficulty)
    facts = f"Difficulty {signs} ({exercise.difficulty} of 5) · {exercise.minutes} minutes · {exercise.xp} xp"
    heading, _, text = exercise.task.partition("\n")
    return f"{heading}\n\n{facts}\n\n{text.strip()}"


def manifest_line(exercise: Exercise) -> str:
    """The exercise as a table for course.toml."""
    title = json.dumps(exercise.title, ensure_ascii=False)
    return (
        f'{{id = "{exercise.id}", title = {title}, minutes = {exercise.minutes}, xp = {exercise.xp}, '
        f"difficulty = {exercise.difficulty}}},"
    )


def manifest_problems(sheet: Sheet, root: Path) -> list[str]:
    """[] when course.toml lists the same exercises for this chapter, or there is no course.toml."""
    if not (root / MANIFEST).is_file():
        return []
    listed = {chapter["name"]: chapter["exercises"] for chapter in load_course(root)["chapters"]}
    if sheet.name not in listed:
        return [f"{MANIFEST} has no chapter {sheet.name!r}."]
    names = ("id", "title", "minutes", "xp", "difficulty")
    if listed[sheet.name] == [{name: getattr(found, name) for name in names} for found in sheet.exercises]:
        return []
    lines = "\n".join(f"    {manifest_line(found)}" for found in sheet.exercises)
    return [f"{MANIFEST} lists other exercises for {sheet.name}; write there:\nexercises = [\n{lines}\n]"]


def _chosen(root: Path, names: list[str]) -> list[Path]:
    known = {path.stem: path for path in sorted((root / "solutions").glob("[0-9][0-9]_*.ipynb"))}
    made = [*(root / "exercises").glob("*.ipynb"), *exercises.data_folder(root).glob("[0-9][0-9]_*.json")]
    for path in sorted(made):
        if path.stem not in known:
            shown = path.relative_to(root).as_posix()
            raise ExerciseError(f"{shown} has no solutions/{path.stem}.ipynb: remove it, or write its source.")
    chosen = []
    for name in names:
        wanted = Path(name).name.removesuffix(".ipynb")
        found = [stem for stem in known if wanted in (stem, stem[:2])]
        if not found:
            raise ExerciseError(f"There is no solutions/{wanted}.ipynb; there are: {', '.join(known) or 'none'}.")
        chosen += found
    return [known[stem] for stem in chosen or known]


def _refuse(path: Path, problems: list[str]) -> None:
    if problems:
        raise ExerciseError("\n".join(f"{path.name}: {problem}" for problem in problems))


def _id(key: str) -> str:
    return key.replace(".", "-")


def _markdown(cell_id: str, source: str, metadata: Notebook | None = None) -> Notebook:
    return {"cell_type": "markdown", "id": cell_id, "metadata": metadata or {}, "source": source}


def _code(cell: Cell) -> Notebook:
    """A cell as learners get it. One without a recording counts as never run, so that nbval does not compare it."""
    recorded = cell.role == "check" or bool(cell.outputs)
    return {
        "cell_type": "code",
        "id": _id(cell.key),
        "metadata": {"cai": {"key": cell.key, "role": cell.role}},
        "source": cell.source,
        "outputs": [dict(output) for output in cell.outputs],
        "execution_count": 1 if recorded else None,
    }
