"""Read course.toml: the chapters in order, and the texts that are made from them.

The manifest lies in the root of the course folder. The package finds it from an editable install and from any
working folder inside the course.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, TypedDict

MANIFEST = "course.toml"
MINUTES = (15, 45)
OBJECTIVES = (3, 4)
DIFFICULTY = (1, 5)


class CourseError(ValueError):
    """The course folder or its manifest is not as it must be; the message says what to do."""


class Exercise(TypedDict):
    """One exercise: id ("04.2"), title, minutes, xp (points, above 0), difficulty (1 easy to 5)."""

    id: str
    title: str
    minutes: int
    xp: int
    difficulty: int


class Chapter(TypedDict):
    """One chapter: `number` comes from the name, `status` from the lesson's file being there."""

    number: int
    name: str
    title: str
    summary: str
    minutes: int
    module: str
    objectives: list[str]
    exercises: list[Exercise]
    status: str  # "ready" | "coming"


class Course(TypedDict):
    """The whole manifest; `root` is the course folder as a string."""

    title: str
    root: str
    chapters: list[Chapter]


def find_root() -> Path:
    """The course folder: the nearest one with a course.toml above this file, else above the working folder.

    Raises CourseError where there is none, which is so when only the package is installed.
    """
    here = Path(__file__).resolve()
    folder = Path.cwd().resolve()
    for place in [*here.parents, folder, *folder.parents]:
        if (place / MANIFEST).is_file():
            return place
    raise CourseError(
        f"There is no {MANIFEST} here: change into the course folder (the one with README.md and notebooks/) "
        "and run the command again."
    )


def load_course(root: Path | str | None = None) -> Course:
    """Read and check the manifest of `root` (default: found by find_root).

    Raises CourseError, naming the field, when the file is missing, is not TOML or holds a wrong value.
    """
    folder = find_root() if root is None else Path(root)
    data = _read_toml(folder / MANIFEST)
    title = _text(_table(data, "course", ""), "title", "[course]")
    tables = data.get("chapter")
    if not isinstance(tables, list) or not tables:
        raise CourseError(f"{MANIFEST}: add at least one [[chapter]].")
    chapters = [_chapter(table, number, folder) for number, table in enumerate(tables)]
    return {"title": title, "root": str(folder), "chapters": chapters}


def find_chapter(course: Course, name: str) -> Chapter:
    """The chapter called `name`: "04_critic", "04", "4", or a path to its notebook.

    Raises CourseError, listing the known names, for any other.
    """
    wanted = re.split(r"[/\\]", name)[-1].removesuffix(".ipynb")
    for chapter in course["chapters"]:
        if wanted in (chapter["name"], chapter["name"][:2], str(chapter["number"])):
            return chapter
    known = ", ".join(chapter["name"] for chapter in course["chapters"])
    raise CourseError(f"There is no chapter {name!r}; choose one of: {known}.")


def lesson_path(course: Course, chapter: Chapter) -> Path:
    """Where the chapter's lesson is, or will be."""
    return Path(course["root"]) / "notebooks" / f"{chapter['name']}.ipynb"


def label(chapter: Chapter) -> str:
    """How texts name a chapter: "04 The critic: one principle, one verdict"."""
    return f"{chapter['name'][:2]} {chapter['title']}"


def chapters_table(course: Course) -> str:
    """README's table of chapters in Markdown; a lesson that does not exist yet has no link: "coming"."""
    rows = ["| Lesson | You leave with | Minutes | Builds |", "| --- | --- | --- | --- |"]
    for chapter in course["chapters"]:
        lesson, minutes = label(chapter), f"{chapter['minutes']}"
        if chapter["status"] == "ready":
            lesson = f"[{lesson}](notebooks/{chapter['name']}.ipynb)"
        else:
            minutes = "coming"
        module = f"`{chapter['module']}`" if chapter["module"] else ""
        rows.append(f"| {lesson} | {chapter['summary']} | {minutes} | {module} |")
    return "\n".join(rows)


def lesson_objectives(chapter: Chapter) -> str:
    """The cell at a lesson's top: minutes, and what the learner will do."""
    return f"## You will\n\nTime: about {chapter['minutes']} minutes.\n\n{_bullets(chapter)}"


def lesson_can_do(chapter: Chapter) -> str:
    """The mirror of `lesson_objectives` at a lesson's end."""
    return f"## Now you can\n\n{_bullets(chapter)}"


def lesson_footer(course: Course, chapter: Chapter) -> str:
    """A lesson's last cell: links to its exercises, to the next lesson and to the contents.

    What does not exist yet is named as coming, without a link.
    """
    exercises = Path(course["root"]) / "exercises" / f"{chapter['name']}.ipynb"
    lines = ["Exercises for this chapter are coming."]
    if exercises.is_file():
        lines = [f"[Exercises for chapter {chapter['name'][:2]}](../exercises/{exercises.name})"]
    following = course["chapters"][chapter["number"] + 1 : chapter["number"] + 2]
    for after in following:
        if after["status"] == "ready":
            lines.append(f"Next lesson: [{label(after)}]({after['name']}.ipynb)")
        else:
            lines.append(f"Next lesson: {label(after)} (coming)")
    lines.append("[Contents of the course](../README.md)")
    return "---\n\n" + "\n\n".join(lines)


def _bullets(chapter: Chapter) -> str:
    return "\n".join(f"- {objective}" for objective in chapter["objectives"])


def _read_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CourseError(f"There is no {MANIFEST} in {path.parent}: give the course folder.") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{MANIFEST} is not valid TOML: {error}.") from None
    return data


def _chapter(table: Any, number: int, folder: Path) -> Chapter:
    where = f"chapter {number}"
    if not isinstance(table, dict):
        raise CourseError(f"{MANIFEST}, {where}: write it as a [[chapter]] table.")
    name = _text(table, "name", where)
    if not re.fullmatch(rf"{number:02d}(_[a-z0-9]+)+", name):
        raise CourseError(f"{MANIFEST}, {where}: name must look like {f'{number:02d}_some_words'!r}, found {name!r}.")
    objectives = _objectives(table, where)
    rows = table.get("exercises", [])
    if not isinstance(rows, list):
        raise CourseError(f"{MANIFEST}, {where}: exercises must be a list of tables.")
    module = table.get("module")
    if not isinstance(module, str):
        raise CourseError(f"{MANIFEST}, {where}: module must be a file name such as 'critic.py', or ''.")
    return {
        "number": number,
        "name": name,
        "title": _text(table, "title", where),
        "summary": _text(table, "summary", where),
        "minutes": _whole(table, "minutes", where, *MINUTES),
        "module": module,
        "objectives": objectives,
        "exercises": [_exercise(row, name[:2], place) for place, row in enumerate(rows, 1)],
        "status": "ready" if (folder / "notebooks" / f"{name}.ipynb").is_file() else "coming",
    }


def _exercise(row: Any, chapter: str, place: int) -> Exercise:
    where = f"exercise {place} of chapter {chapter}"
    if not isinstance(row, dict):
        raise CourseError(f"{MANIFEST}, {where}: write it as a table with an id.")
    number = _text(row, "id", where)
    if number != f"{chapter}.{place}":
        raise CourseError(f"{MANIFEST}, {where}: id must be '{chapter}.{place}', found {number!r}.")
    return {
        "id": number,
        "title": _text(row, "title", where),
        "minutes": _whole(row, "minutes", where, 1, 120),
        "xp": _whole(row, "xp", where, 1, 1000),
        "difficulty": _whole(row, "difficulty", where, *DIFFICULTY),
    }


def _objectives(table: dict[str, Any], where: str) -> list[str]:
    found = table.get("objectives")
    low, high = OBJECTIVES
    if not isinstance(found, list) or not low <= len(found) <= high:
        raise CourseError(f"{MANIFEST}, {where}: objectives must be a list of {low} to {high} sentences.")
    for objective in found:
        if not isinstance(objective, str) or not re.match(r"[a-z]+\b", objective):
            raise CourseError(
                f"{MANIFEST}, {where}: each of objectives must continue 'You will', so start it with a verb "
                f"in lower case; found {objective!r}."
            )
    return found


def _table(data: dict[str, Any], field: str, where: str) -> dict[str, Any]:
    value = data.get(field)
    if not isinstance(value, dict):
        raise CourseError(f"{MANIFEST}: add the table [{field}]{where}.")
    return value


def _text(table: dict[str, Any], field: str, where: str) -> str:
    value = table.get(field)
    if not isinstance(value, str) or not value.strip():
        raise CourseError(f"{MANIFEST}, {where}: {field} must be a text that is not empty, found {value!r}.")
    return value


def _whole(table: dict[str, Any], field: str, where: str, low: int, high: int) -> int:
    value = table.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise CourseError(f"{MANIFEST}, {where}: {field} must be a whole number from {low} to {high}, found {value!r}.")
    return value
