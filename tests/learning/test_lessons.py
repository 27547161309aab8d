"""Building lessons: what is generated, run and normalised, and what happens when a cell fails."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.learning import lessons, manifest
from cai_helpers.learning.lessons import LessonError, build_lessons
from tests.conftest import ROOT


def cell(cell_id: str, source: str, **metadata: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def write(course: Path, *cells: dict[str, Any], name: str = "01_client", **extra: Any) -> Path:
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Title\n", "\n", "Words."]}
    notebook = {"cells": [title, *cells], "metadata": extra, "nbformat": 4, "nbformat_minor": 2}
    path = course / "notebooks" / f"{name}.ipynb"
    path.write_text(json.dumps(notebook), "utf-8")
    return path


def built_cells(path: Path) -> dict[str, dict[str, Any]]:
    return {found["id"]: found for found in json.loads(path.read_text("utf-8"))["cells"]}


def test_lesson_is_run_in_a_clean_place_and_written_in_normal_form(
    small_course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAI_BACKEND", "anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a" * 30)
    path = write(
        small_course,
        cell("place", "import os, pathlib; print(pathlib.Path.cwd().name, [n for n in os.environ if 'CAI_' in n])"),
        cell("keys", "[name for name in os.environ if name.endswith('_API_KEY')]", collapsed=True),
        cell("pieces", "import sys\nprint('a')\nsys.stdout.flush()\nprint('b')"),
        cell("meant", "int('x')", tags=["raises-exception"], scrolled=True),
        cell("widget", "import ipywidgets\nipywidgets.IntSlider(3, description='n')"),
        widgets={"state": {"x": 1}},
        kernelspec={"name": "somewhere-else", "display_name": "x"},
    )
    changed = build_lessons(["01"], root=small_course)
    assert [line.split(":")[0] for line in changed] == ["01_client.ipynb", "README.md"]

    text = path.read_text("utf-8")
    notebook = json.loads(text)
    assert text.endswith("}\n") and text.startswith('{\n "cells"')
    assert notebook["metadata"] == {"kernelspec": lessons.KERNELSPEC, "language_info": lessons.LANGUAGE}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)

    cells = built_cells(path)
    ids = ["title", "objectives", "place", "keys", "pieces", "meant", "widget", "can-do", "footer"]
    assert list(cells) == ids
    assert [found["execution_count"] for found in cells.values() if "outputs" in found] == [1, 2, 3, 4, 5]
    assert cells["place"]["outputs"][0]["text"] == ["notebooks []\n"]
    assert cells["keys"]["outputs"][0]["data"] == {"text/plain": ["[]"]}
    assert cells["keys"]["metadata"] == {}
    assert [found["text"] for found in cells["pieces"]["outputs"]] == [["a\n", "b\n"]]
    assert cells["meant"]["metadata"] == {"tags": ["raises-exception"]}
    assert cells["meant"]["outputs"][0]["traceback"] == ["ValueError: invalid literal for int() with base 10: 'x'"]
    assert cells["widget"]["outputs"][0]["data"] == {"text/plain": ["IntSlider(value=3, description='n')"]}

    assert build_lessons(["01"], root=small_course, check=True) == []


def test_generated_cells_follow_the_manifest(small_course: Path) -> None:
    path = write(small_course, cell("one", "1 + 1"))
    build_lessons(run=False, root=small_course)
    course_file = small_course / "course.toml"
    course_file.write_text(course_file.read_text("utf-8").replace("send a request", "send two requests"), "utf-8")
    assert build_lessons(run=False, root=small_course, check=True)
    assert "send a request" in path.read_text("utf-8"), "check writes nothing"
    build_lessons(run=False, root=small_course)
    cells = built_cells(path)
    for cell_id in ("objectives", "can-do"):
        assert "- send two requests\n" in cells[cell_id]["source"]
    assert build_lessons(run=False, root=small_course, check=True) == []


def test_footer_goes_last_and_the_others_stay_where_they_are(small_course: Path) -> None:
    moved = [{**cell(name, "old"), "cell_type": "markdown"} for name in ("footer", "can-do", "objectives")]
    path = write(small_course, *moved, cell("one", "1"))
    build_lessons(run=False, root=small_course)
    assert list(built_cells(path)) == ["title", "can-do", "objectives", "one", "footer"]


def test_failing_cell_stops_the_build_and_leaves_the_file(small_course: Path) -> None:
    path = write(small_course, cell("good", "1"), cell("bad-one", "{}['key']"), cell("later", "2"))
    before = path.read_text("utf-8")
    with pytest.raises(LessonError, match=r"01_client.ipynb, cell 'bad-one' fails: KeyError: 'key'"):
        build_lessons(root=small_course)
    assert path.read_text("utf-8") == before


def test_endless_and_dying_cells_stop_the_build(small_course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "CELL_SECONDS", 2)
    write(small_course, cell("endless", "while True: pass"))
    with pytest.raises(LessonError, match="did not end within 2 seconds"):
        build_lessons(root=small_course)
    write(small_course, cell("dying", "import os; os._exit(3)"))
    with pytest.raises(LessonError, match="kernel died"):
        build_lessons(root=small_course)


@pytest.mark.parametrize(
    ("cell_id", "words"),
    [
        ("8f3c1a2b", "has the random id '8f3c1a2b'; give it words"),
        ("8f3c1a2b-0d1e-4f5a-8b9c-0123456789ab", "has the random id"),
        ("Two Words", "has the id 'Two Words'; use small letters, digits and hyphens"),
        ("title", "has the id 'title' of an earlier cell"),
        (None, "has no id"),
    ],
)
def test_cell_without_a_good_id_is_refused(cell_id: Any, words: str, small_course: Path) -> None:
    write(small_course, {**cell("x", "first = 1"), "id": cell_id})
    with pytest.raises(LessonError, match=rf"cell 2 \('first = 1'\) {words}"):
        build_lessons(run=False, root=small_course)


@pytest.mark.parametrize("cell_id", ["title", "first-call", "decade-2", "added-facade", "2026-figures", "run-1"])
def test_words_are_good_ids(cell_id: str) -> None:
    assert lessons.id_problem(cell_id) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not valid JSON"),
        ('{"cells": [\n<<<<<<< HEAD', r"is not valid JSON \(line 2\)"),
        ("[]", "is not a notebook"),
        ('{"nbformat": 3, "cells": [{}]}', "is not a notebook of format 4"),
        ('{"nbformat": 4, "cells": []}', "is not a notebook of format 4 with cells"),
    ],
)
def test_broken_file_is_refused(text: str, words: str, small_course: Path) -> None:
    (small_course / "notebooks" / "01_client.ipynb").write_text(text, "utf-8")
    with pytest.raises(LessonError, match=words):
        build_lessons(run=False, root=small_course)


def test_notebook_outside_the_manifest_is_refused(small_course: Path) -> None:
    write(small_course, name="99_stranger")
    with pytest.raises(LessonError, match="99_stranger.ipynb is not in course.toml"):
        build_lessons(run=False, root=small_course)


def test_lesson_that_is_not_written_yet_is_refused(small_course: Path) -> None:
    with pytest.raises(LessonError, match="no notebooks/00_start.ipynb yet"):
        build_lessons(["00"], root=small_course)


def test_readme_without_marks_is_refused(small_course: Path) -> None:
    (small_course / "README.md").write_text("# Small\n", "utf-8")
    with pytest.raises(manifest.CourseError, match="put the table of chapters between"):
        build_lessons(run=False, root=small_course)


def test_lines_are_cut_at_newlines_only(small_course: Path) -> None:
    text = "a\n\nb\u2028c\x0bd\r\ne"
    path = write(small_course, cell("one", text))
    build_lessons(run=False, root=small_course)
    assert built_cells(path)["one"]["source"] == ["a\n", "\n", "b\u2028c\x0bd\r\n", "e"]


def test_kernels_get_this_package_and_no_key() -> None:
    given = {"PATH": "p", "CAI_MODEL": "m", "OPENAI_API_KEY": "k", "PYTHONPATH": f"other{os.pathsep}"}
    clean = lessons.clean_environment(given)
    assert clean == {"PATH": "p", "PYTHONPATH": f"{ROOT}{os.pathsep}other"}
    assert lessons.clean_environment(clean) == clean


def test_pytest_runs_in_a_clean_environment() -> None:
    assert lessons.clean_environment(os.environ) == dict(os.environ)
