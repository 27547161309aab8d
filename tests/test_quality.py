"""Lint, format and types. A missing tool is a failure with the command that installs it, never a skip."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ROOT

CHECKS = {
    "lint": ("ruff", ["check", "--no-cache", "."]),
    "format": ("ruff", ["format", "--check", "--diff", "--no-cache", "."]),
    "types": ("mypy", ["--no-error-summary"]),
}


def run(tool: str, arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one tool of this environment in `folder`."""
    if find_spec(tool) is None:
        pytest.fail(f"{tool} is missing: run python -m pip install -r requirements-dev.txt")
    command = [sys.executable, "-m", tool, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("name", CHECKS)
def test_course_passes(name: str) -> None:
    done = run(*CHECKS[name], ROOT)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


BAD_MODULES = {
    "lint": "import os\n",
    "format": "x = {'a':1}\n",
    "types": "def f(n):\n    return n\n",
}


# mypy reads modules only; what lessons build is compared with the modules.
@pytest.mark.parametrize(
    ("name", "notebook"),
    [("lint", False), ("lint", True), ("format", False), ("format", True), ("types", False)],
)
def test_bad_source_is_found(name: str, notebook: bool, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    package = tmp_path / "cai_helpers"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    if notebook:
        (tmp_path / "bad.ipynb").write_text(notebook_of(BAD_MODULES[name]), "utf-8")
    else:
        (package / "bad.py").write_text(BAD_MODULES[name], "utf-8")
    done = run(*CHECKS[name], tmp_path)
    assert done.returncode == 1, f"{done.stdout}{done.stderr}"
    assert "bad." in done.stdout + done.stderr


def notebook_of(source: str) -> str:
    from cai_helpers.learning import lessons

    cell = {"cell_type": "code", "id": "one", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    metadata = {"kernelspec": lessons.KERNELSPEC, "language_info": lessons.LANGUAGE}
    return lessons.dumps({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
