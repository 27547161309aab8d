"""A learner's work as an archive, back from it, and newer editions without losing answers."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.learning import progress_file, work


def notebook(*sources: str, edition: str | None = None) -> dict[str, Any]:
    """A notebook whose cells are answers named a0, a1, ..."""
    cells = [
        {"cell_type": "code", "metadata": {"cai": {"key": f"a{n}", "role": "answer"}}, "source": source}
        for n, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {"cai": {"edition": edition}} if edition else {}}


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course folder whose site ships two notebooks; the learner is in exercises/."""
    for folder in ("notebooks", "exercises"):
        (tmp_path / folder).mkdir()
    shipped = {"notebooks/00_a.ipynb": notebook("1"), "exercises/01_b.ipynb": notebook("...", "...")}
    marks = {name: work.mark_of(data) for name, data in shipped.items()}
    for name, data in shipped.items():
        data["metadata"] = {"cai": {"edition": marks[name]}}
        (tmp_path / name).write_text(json.dumps(data), "utf-8")
    (tmp_path / "editions.json").write_text(json.dumps(marks), "utf-8")
    monkeypatch.setattr(work, "EDITIONS", tmp_path / "editions.json")
    monkeypatch.setattr(progress_file, "HOME", tmp_path / "exercises")
    work.editions.cache_clear()
    yield tmp_path
    work.editions.cache_clear()


def test_untouched_course_holds_nothing_to_keep(course: Path) -> None:
    assert "nothing to keep" in work.save_work()
    assert not (course / work.ARCHIVE).exists()


def test_work_goes_into_the_archive_and_comes_back(course: Path) -> None:
    mine = json.dumps(notebook("x = 1", "..."))
    (course / "exercises" / "01_b.ipynb").write_text(mine, "utf-8")
    (course / "exercises" / "notes.txt").write_text("mine", "utf-8")
    progress_file.record("01.1", "correct")
    shown = work.save_work()
    assert "3 files" in shown
    link = re.search(r'download="my_work.zip" href="data:application/zip;base64,([^"]+)"', shown._repr_html_())
    assert link and base64.b64decode(link[1]) == (course / work.ARCHIVE).read_bytes()
    for path in (course / "exercises").iterdir():
        path.unlink()
    (course / "exercises" / "01_b.ipynb").write_text("present", "utf-8")
    said = work.restore_work()
    assert "exercises/01_b.before.ipynb" in said
    assert (course / "exercises" / "01_b.ipynb").read_text("utf-8") == mine
    assert (course / "exercises" / "01_b.before.ipynb").read_text("utf-8") == "present"
    assert (course / "exercises" / "notes.txt").read_text("utf-8") == "mine"
    assert progress_file.solved("01.1")


def test_restoring_keeps_the_better_progress(course: Path) -> None:
    progress_file.record("01.1", "correct")
    work.save_work()
    (course / "exercises" / "progress.json").unlink()
    progress_file.record("01.2", "correct")
    work.restore_work()
    assert progress_file.solved("01.1") and progress_file.solved("01.2")


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "C:/out.txt", "..\\out.txt"])
def test_archive_that_leads_out_changes_nothing(course: Path, name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("exercises/fine.txt", "x")
        archive.writestr(name, "x")
    (course / work.ARCHIVE).write_bytes(packed.getvalue())
    before = sorted(course.rglob("*"))
    assert "nothing was changed" in work.restore_work()
    assert sorted(course.rglob("*")) == before


def test_what_is_no_archive_is_said(course: Path) -> None:
    assert "There is no file" in work.restore_work("none.zip")
    (course / "bad.zip").write_text("no", "utf-8")
    assert "not an archive" in work.restore_work("bad.zip")


def test_older_notebook_is_named_and_present_one_is_not(course: Path) -> None:
    assert work.older_note() == ""
    path = course / "exercises" / "01_b.ipynb"
    path.write_text(json.dumps(notebook("x", edition="old")), "utf-8")
    assert 'renew("01_b")' in work.older_note()
    path.write_text(json.dumps(notebook("x")), "utf-8")  # says no edition: not from the site
    assert work.older_note() == ""


def test_answers_move_by_their_keys() -> None:
    old, new = notebook("mine", "...", "gone"), notebook("...", "...")
    new["cells"].reverse()
    assert work.move_answers(old, new) == 1
    assert [cell["source"] for cell in new["cells"]] == ["...", "mine"]


def test_renewing_gets_the_site_copy_with_the_answers(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = course / "exercises" / "01_b.ipynb"
    site_copy = path.read_text("utf-8")
    path.write_text(json.dumps(notebook("mine", "...", edition="old")), "utf-8")
    unlink = Path.unlink

    def shows_the_site_copy(self: Path, missing_ok: bool = False) -> None:
        unlink(self, missing_ok)
        if self == path:  # as in the browser: without a saved copy, the site's shows
            self.write_text(site_copy, "utf-8")

    monkeypatch.setattr(Path, "unlink", shows_the_site_copy)
    assert "with 1 answers of yours; the old one is 01_b.mine.ipynb" in work.renew("01_b")
    renewed = json.loads(path.read_text("utf-8"))
    assert [cell["source"] for cell in renewed["cells"]] == ["mine", "..."]
    assert "present edition already" in work.renew("01_b")
    assert "does not come from this site" in work.renew("unknown")


def test_renewing_without_a_new_one_keeps_the_saved_one(course: Path) -> None:
    path = course / "exercises" / "01_b.ipynb"
    saved = json.dumps(notebook("mine", edition="old"))
    path.write_text(saved, "utf-8")
    assert "the saved one is back" in work.renew("01_b")
    assert path.read_text("utf-8") == saved
