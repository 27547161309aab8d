"""The command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cai_helpers.__main__ import main

COMMANDS = ["doctor", "build-lessons", "build-exercises", "progress", "grade", "serve", "rerecord"]


def test_unknown_command_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["grow"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert all(command in said for command in COMMANDS)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    assert all(command in said for command in COMMANDS)


def test_check_exits_with_1_when_something_differs(
    small_course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cai_helpers.learning.manifest.find_root", lambda: small_course)
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Title"}
    notebook = {"cells": [title], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (small_course / "notebooks" / "00_start.ipynb").write_text(json.dumps(notebook), "utf-8")
    assert main(["build-lessons", "--check", "--no-run"]) == 1
    assert "00_start.ipynb" in capsys.readouterr().err
    assert main(["build-lessons", "--no-run"]) == 0
    assert main(["build-lessons", "--check", "--no-run"]) == 0


def test_wrong_name_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build-lessons", "77", "--no-run"]) == 1
    assert capsys.readouterr().err.startswith("There is no chapter '77'; choose one of: 00_start_here, ")


def test_starts_quickly(root: Path) -> None:
    def seconds() -> float:
        """Processor time, which other work on the machine changes little."""
        before = os.times()
        command = [sys.executable, "-m", "cai_helpers", "--help"]
        subprocess.run(command, cwd=root, check=True, capture_output=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    # The budget is 0.4 s; a slow machine gets twice that before this fails.
    assert min(seconds() for _ in range(5)) < 0.8


def test_start_imports_no_machinery(root: Path) -> None:
    code = (
        "import sys, cai_helpers.__main__ as m\n"
        "m._parser()\n"
        "print([n for n in ('nbformat', 'nbclient', 'IPython', 'ipywidgets', 'pytest') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
