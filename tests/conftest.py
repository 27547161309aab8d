"""What several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The course folder."""
    return ROOT


@pytest.fixture
def small_course(tmp_path: Path) -> Path:
    """A course folder with two chapters, no notebook yet, and a README with the marks of the table."""
    (tmp_path / "notebooks").mkdir()
    chapter = """
[[chapter]]
name = "{name}"
title = "{title}"
summary = "half a sentence"
minutes = 20
module = ""
objectives = ["read a reply", "send a request", "count the calls"]
exercises = []
"""
    text = '[course]\ntitle = "Small"\n' + chapter.format(name="00_start", title="Start")
    (tmp_path / "course.toml").write_text(text + chapter.format(name="01_client", title="The client"), "utf-8")
    (tmp_path / "README.md").write_text(
        "# Small\n\n<!-- chapters: made from course.toml -->\n<!-- end of chapters -->\n", "utf-8"
    )
    return tmp_path
