"""The browser lane: python -m pytest tests/browser. It is not part of the quick tests and runs where it is named.

It needs node and Debian's chromium. Where one is missing the tests say so and are skipped; with CI=true they fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.browser import chrome

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    """The marker of these tests."""
    config.addinivalue_line("markers", "browser: needs the built site, node or chromium; run with pytest tests/browser")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out unless it, or a file in it, was named."""
    named = [Path(str(argument).split("::")[0]).resolve() for argument in config.invocation_params.args]
    return None if any(path == HERE or HERE in path.parents for path in named) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder carries the marker."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


def require(found: object, sentence: str) -> None:
    """Skip the test with this sentence where something is missing; in CI that is a failure."""
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail(f"In CI nothing is skipped: {sentence}")
        pytest.skip(sentence)


@pytest.fixture(scope="session")
def node() -> str:
    """The path of node."""
    found = shutil.which("node")
    require(found, "node is missing: install Node.js 20 or newer.")
    assert found
    return found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from this checkout as README says; BUILT_SITE names one that is built already."""
    if os.environ.get("BUILT_SITE"):
        return Path(os.environ["BUILT_SITE"]).resolve()
    require(shutil.which("npm"), "npm is missing, which brings the browser's Python: install Node.js 20 or newer.")
    folder = ROOT / "build" / "lite" / "site"
    command = [sys.executable, str(ROOT / "lite" / "build.py"), "--site", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def serve() -> ModuleType:
    """lite/serve.py as a module."""
    sys.path.insert(0, str(ROOT / "lite"))
    import serve as module

    return module


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """Playwright, with Debian's own browser."""
    require(chrome.chromium(), "chromium is missing: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        require(False, "playwright is missing: python -m pip install -r requirements-dev.txt")
    with sync_playwright() as running:
        yield running
