"""The progress file: written whole, merged, kept aside when broken; the table that shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cai_helpers.__main__ import main
from cai_helpers.learning import exercises, progress, progress_file
from cai_helpers.learning.progress_file import merged, parse, read, record, row
from tests.learning.sample_course import write_sample


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_sample(tmp_path)
    monkeypatch.setenv("CAI_EXERCISES", str(exercises.data_folder(tmp_path)))
    monkeypatch.setenv("CAI_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress_file, "_unsaved", {})
    return tmp_path / "progress.json"


def test_counts_attempts_and_keeps_the_best(file: Path) -> None:
    for verdict in ("not started", "not yet", "correct", "not yet", "error"):
        record("90.1", verdict)
    assert json.loads(file.read_text("utf-8")) == {
        "format": 1,
        "exercises": {"90.1": {"status": "correct", "attempts": 3, "hints": 0}},
    }
    assert [path.name for path in file.parent.iterdir() if "progress" in path.name] == ["progress.json"]


def test_not_started_writes_nothing(file: Path) -> None:
    assert record("90.1", "not started") == "" and not file.exists()


def test_table(file: Path) -> None:
    record("90.1", "correct")
    record("90.1", "correct")
    record("90.2", hints=2)
    lines = repr(progress()).splitlines()
    assert lines[0] == "Progress: 1 of 2 exercises correct, 10 of 30 xp."
    assert lines[3].split("  ")[0] == "90.1" and "10 of 10" in lines[3]
    assert "not started" in lines[4] and "0 of 20" in lines[4]
    assert lines[-1] == "Next: 90.2 Keep the order (90_sample.ipynb, 10 minutes, 20 xp)."
    assert str(file.parent) not in repr(progress()) + file.read_text("utf-8")


def test_merging_twice_adds_nothing() -> None:
    one, two = {"a": row("correct", 2, 0), "b": row("not yet", 1, 1)}, {"b": row("correct", 1, 3), "c": row()}
    once = merged(one, two)
    assert once == {"a": row("correct", 2, 0), "b": row("correct", 1, 3), "c": row()}
    assert merged(once, two) == merged(two, once) == once


def test_progress_can_be_carried_along(file: Path) -> None:
    other = file.with_name("from-home.json")
    other.write_text('{"format": 1, "exercises": {"90.2": {"status": "correct", "attempts": 4, "hints": 1}}}', "utf-8")
    record("90.1", "correct")
    assert progress(load=other).startswith("Taken from from-home.json: 1 exercises.\nProgress: 2 of 2")
    assert read(file)[0]["90.2"] == row("correct", 4, 1)
    assert progress(load=file.with_name("none.json")).startswith("none.json could not be opened")
    other.write_text("[]", "utf-8")
    assert progress(load=other).startswith("from-home.json is not a progress file")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"exercises": 3}', "<<<<<<< HEAD\n{}"])
def test_a_broken_file_is_kept_aside(file: Path, content: str) -> None:
    file.with_name("progress.broken.json").write_text("older", "utf-8")
    file.write_text(content, "utf-8")
    assert "It is kept as progress.broken-2.json, and a new one begins." in record("90.1", "correct")
    assert file.with_name("progress.broken-2.json").read_text("utf-8") == content
    assert file.with_name("progress.broken.json").read_text("utf-8") == "older"
    assert progress_file.solved("90.1")


def test_entries_that_make_no_sense_are_left_out() -> None:
    entries = {"a": {"status": "won"}, "b": 3, "c": {"status": "correct", "attempts": -1, "hints": True}}
    assert parse(json.dumps({"exercises": entries})) == {"c": row("correct")}
    assert parse('\n{"exercises": {}, "more": 1}') == {}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAI_PROGRESS", str(tmp_path / "missing" / "progress.json"))
    assert "could not be written" in record("90.1", "correct")
    assert progress_file.solved("90.1")  # as long as the kernel lives


def test_command(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record("90.1", "correct")
    assert main(["progress"]) == 0
    assert main(["progress", str(file)]) == 0
    assert capsys.readouterr().out.count("1 of 2 exercises correct") == 2
    assert main(["progress", "nowhere.json"]) == 2
    assert capsys.readouterr().err == "There is no file nowhere.json: give the path of a progress.json.\n"
    file.write_text("{", "utf-8")
    assert main(["progress", str(file)]) == 2
    assert file.read_text("utf-8") == "{"
