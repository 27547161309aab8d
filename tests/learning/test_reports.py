"""Reports say the same in text, JSON, CSV and HTML, whatever the texts hold."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cai_helpers.learning import reports
from cai_helpers.learning.grade import Result, exit_status

CHECKS = [{"key": "04.1.check1", "passed": False, "sentence": "It <must> be a text."}]
RESULTS = [
    Result("ada/04.ipynb", "04.1", "correct", "Correct. Well.", "One", 10, [], {"number": 3, "source": "x = 1"}),
    Result(
        "ada/04.ipynb",
        "04.2",
        "not yet",
        "Not yet: it is <b>sorted</b>, é.",
        "Two",
        20,
        CHECKS,
        {"number": 7, "source": "# ANSWER 04.2\ny = '<script>'"},
        ["Cell 7 stopped with NameError"],
    ),
    Result("=evil.ipynb", "", "error", "The file is empty."),
]


def test_text_has_the_verdict_in_words_the_cell_and_what_to_look_at() -> None:
    text = reports.as_text(RESULTS)
    assert "ada/04.ipynb: 1 of 2 correct\n  04.1 One: correct\n  04.2 Two: not yet\n" in text
    assert "It is <b>sorted</b>, é." in text
    assert "your answer: cell 7 (# ANSWER 04.2)" in text and "look at: Cell 7 stopped with NameError" in text
    assert "=evil.ipynb: error\n  The file is empty." in text
    assert text.endswith("2 exercises in 2 files: 1 correct, 1 not yet, 1 error.\n")
    assert reports.as_text([]) == "Nothing to grade: no notebook was found.\n"


def test_json_has_the_four_fixed_fields() -> None:
    rows = json.loads(reports.as_json(RESULTS))
    assert [(row["file"], row["exercise"], row["verdict"]) for row in rows] == [
        ("ada/04.ipynb", "04.1", "correct"),
        ("ada/04.ipynb", "04.2", "not yet"),
        ("=evil.ipynb", "", "error"),
    ]
    assert rows[1]["message"] == "Not yet: it is <b>sorted</b>, é." and rows[1]["cell"]["number"] == 7


def test_csv_cannot_be_taken_for_formulas() -> None:
    head, *rows = csv.reader(io.StringIO(reports.as_csv(RESULTS)))
    assert head[:4] == ["file", "exercise", "title", "verdict"]
    assert [dict(zip(head, row, strict=True))["xp"] for row in rows] == ["10", "0", "0"]
    assert rows[2][0] == "'=evil.ipynb"


def test_html_escapes_and_needs_nothing_from_outside() -> None:
    class Reader(HTMLParser):
        tags: list[str] = []
        text = ""

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags.append(tag)

        def handle_data(self, data: str) -> None:
            self.text += data

    reader = Reader()
    page = reports.as_html(RESULTS)
    reader.feed(page)
    assert "script" not in reader.tags and "b" not in reader.tags and "link" not in reader.tags
    for part in ("04.2 Two: not yet", "It is <b>sorted</b>, é.", "failed: It <must> be a text.", "y = '<script>'"):
        assert part in reader.text
    assert "http" not in page


def test_exit_status() -> None:
    assert exit_status(RESULTS[:1]) == 0
    assert exit_status(RESULTS[:2]) == 1
    assert exit_status(RESULTS) == 2
    assert exit_status([]) == 2


def test_the_report_never_overwrites_a_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "04.ipynb"
    path.write_text("{}", "utf-8")
    assert reports.grade_command([str(path)], "json", str(path)) == 2
    assert "overwrite" in capsys.readouterr().err and path.read_text("utf-8") == "{}"
    out = tmp_path / "report.html"
    assert reports.grade_command([str(path)], "html", str(out), 1) == 2
    assert "Graded exercises" in out.read_text("utf-8")
    assert reports.grade_command([str(path)], "csv", str(tmp_path / "no" / "x.csv"), 1) == 2
