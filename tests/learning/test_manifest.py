"""course.toml: what it holds, what is made from it, and what its errors say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cai_helpers.learning import manifest
from cai_helpers.learning.manifest import CourseError, load_course
from tests.conftest import ROOT

NAMES = [
    "00_start_here", "01_client", "02_constitution", "03_generator", "04_critic", "05_reviser", "06_pipeline",
    "07_multi_round", "08_parallel_critics", "09_limits_and_mistakes", "10_guardrail", "11_real_models",
    "12_training_data", "13_ai_feedback",
]  # fmt: skip


def test_course_has_its_chapters_in_order() -> None:
    course = load_course()
    assert [chapter["name"] for chapter in course["chapters"]] == NAMES
    assert [chapter["number"] for chapter in course["chapters"]] == list(range(14))
    assert Path(course["root"]) == ROOT


def test_status_comes_from_the_file(small_course: Path) -> None:
    (small_course / "notebooks" / "01_client.ipynb").write_text("{}", "utf-8")
    assert [chapter["status"] for chapter in load_course(small_course)["chapters"]] == ["coming", "ready"]


def test_table_links_only_what_exists(small_course: Path) -> None:
    (small_course / "notebooks" / "01_client.ipynb").write_text("{}", "utf-8")
    rows = manifest.chapters_table(load_course(small_course)).splitlines()
    assert rows[2] == "| 00 Start | half a sentence | coming |  |"
    assert rows[3] == "| [01 The client](notebooks/01_client.ipynb) | half a sentence | 20 |  |"
    assert len({row.count("|") for row in rows}) == 1


def test_footer_links_only_what_exists(small_course: Path) -> None:
    first, last = load_course(small_course)["chapters"]
    text = manifest.lesson_footer(load_course(small_course), first)
    assert "Exercises for this chapter are coming." in text
    assert "Next lesson: 01 The client (coming)" in text
    assert "Next lesson" not in manifest.lesson_footer(load_course(small_course), last)

    (small_course / "notebooks" / "01_client.ipynb").write_text("{}", "utf-8")
    (small_course / "exercises").mkdir()
    (small_course / "exercises" / "00_start.ipynb").write_text("{}", "utf-8")
    text = manifest.lesson_footer(load_course(small_course), first)
    assert "[Exercises for chapter 00](../exercises/00_start.ipynb)" in text
    assert "Next lesson: [01 The client](01_client.ipynb)" in text
    assert "[Contents of the course](../README.md)" in text


def test_objectives_and_mirror_hold_the_same_list(small_course: Path) -> None:
    chapter = load_course(small_course)["chapters"][0]
    before, after = manifest.lesson_objectives(chapter), manifest.lesson_can_do(chapter)
    assert re.findall(r"^- .*", before, re.M) == re.findall(r"^- .*", after, re.M)
    assert len(re.findall(r"^- .*", after, re.M)) == 3
    assert "about 20 minutes" in before


@pytest.mark.parametrize("name", ["01_client", "01", "1", "notebooks/01_client.ipynb", "notebooks\\01_client.ipynb"])
def test_chapter_is_found_by_name_number_and_path(name: str, small_course: Path) -> None:
    assert manifest.find_chapter(load_course(small_course), name)["title"] == "The client"


def test_unknown_chapter_lists_the_known_ones(small_course: Path) -> None:
    with pytest.raises(CourseError, match="no chapter '77'; choose one of: 00_start, 01_client"):
        manifest.find_chapter(load_course(small_course), "77")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("minutes = 20", "minutes = 14", "chapter 0: minutes must be a whole number from 15 to 45, found 14"),
        ("minutes = 20", "minutes = true", "minutes must be a whole number"),
        ("minutes = 20", 'minutes = "20"', "minutes must be a whole number"),
        ("minutes = 20", "", "minutes must be a whole number"),
        ('title = "Start"', 'title = ""', "chapter 0: title must be a text"),
        ('summary = "half a sentence"', "summary = 3", "chapter 0: summary must be a text"),
        ('"00_start"', '"01_start"', "chapter 0: name must look like '00_some_words'"),
        ('"01_client"', '"01-client"', "chapter 1: name must look like '01_some_words'"),
        ('module = ""', "", "chapter 0: module must be a file name"),
        ('["read a reply", "send a request", "count the calls"]', '["read"]', "objectives must be a list of 3 to 4"),
        ('"read a reply"', '"A reply is read"', "start it with a verb in lower case; found 'A reply is read'"),
        ("exercises = []", "exercises = 1", "chapter 0: exercises must be a list"),
        ("exercises = []", "exercises = [1]", "exercise 1 of chapter 00: write it as a table"),
        ("exercises = []", 'exercises = [{id = "00.2"}]', "id must be '00.1', found '00.2'"),
        (
            "exercises = []",
            'exercises = [{id = "00.1", title = "T", minutes = 5, xp = 10, difficulty = 6}]',
            "exercise 1 of chapter 00: difficulty must be a whole number from 1 to 5",
        ),
        ("[course]", "[curse]", r"add the table \[course\]"),
        ("[[chapter]]", "[[chapters]]", r"add at least one \[\[chapter\]\]"),
        ("[course]", "[course", "is not valid TOML"),
    ],
)
def test_error_names_the_field(old: str, new: str, words: str, small_course: Path) -> None:
    path = small_course / "course.toml"
    text = path.read_text("utf-8")
    assert old in text
    count = -1 if old == "[[chapter]]" else 1
    path.write_text(text.replace(old, new, count), "utf-8")
    with pytest.raises(CourseError, match=words):
        load_course(small_course)


def test_exercise_is_read(small_course: Path) -> None:
    path = small_course / "course.toml"
    row = '{id = "00.1", title = "T", minutes = 5, xp = 10, difficulty = 5}'
    path.write_text(path.read_text("utf-8").replace("exercises = []", f"exercises = [{row}]", 1), "utf-8")
    assert load_course(small_course)["chapters"][0]["exercises"] == [
        {"id": "00.1", "title": "T", "minutes": 5, "xp": 10, "difficulty": 5}
    ]


def test_no_manifest_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "__file__", str(tmp_path / "site" / "cai_helpers" / "learning" / "manifest.py"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match="change into the course folder"):
        manifest.find_root()
    with pytest.raises(CourseError, match="There is no course.toml in"):
        load_course(tmp_path)


def test_manifest_is_found_from_a_folder_inside_the_course(small_course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "__file__", "/nowhere/cai_helpers/learning/manifest.py")
    monkeypatch.chdir(small_course / "notebooks")
    assert manifest.find_root() == small_course.resolve()
