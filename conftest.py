"""What kernels and subprocesses under test inherit: this checkout's package, and no way to a live model."""

from __future__ import annotations

import os

from cai_helpers.learning.lessons import clean_environment


def pytest_configure() -> None:
    """Before any kernel starts: keys and CAI_ settings go, and an editable install of another checkout loses."""
    clean = clean_environment(os.environ)
    os.environ.clear()
    os.environ.update(clean)
