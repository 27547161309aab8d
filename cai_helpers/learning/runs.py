"""Run graded notebooks: worker processes with nbval, each in its own process group, and nothing left behind.

Every run has a temporary folder, an environment without keys, limits of time and memory, and an end: whatever the
learner's code started is stopped with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .assemble import Job, build
from .lessons import clean_environment
from .verdicts import SECONDS

WORKER = Path(__file__).with_name("grade_worker.py")
SECRET = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|PRIVATE_KEY|ACCESS_KEY|^CAI_|^PYTEST_|^COV_", re.IGNORECASE
)
STAMP = "CAI_GRADING"  # in the environment of everything that a run starts, so that it can be found and ended
FILE_SECONDS = 120
START_SECONDS = 60  # for the worker and its kernels to start
Row = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """Seconds for one cell and for one file."""

    cell: float = SECONDS
    file: float = FILE_SECONDS


# Python 3.11 before 3.11.8 can raise SystemError when two threads parse at once.
_PARSING = threading.Lock()


class NoTools(RuntimeError):
    """nbval or something that it needs is not installed; the message says what to do."""


def run_jobs(jobs: Sequence[Job], processes: int, limits: Limits) -> list[list[Row]]:
    """For each job the rows that the worker wrote, in the order of the cells; [] when it could not run."""
    _check_tools()
    count = max(1, min(processes, len(jobs)))
    shares = [list(range(start, len(jobs), count)) for start in range(count)]
    results: list[list[Row]] = [[] for _ in jobs]
    with ThreadPoolExecutor(count) as pool:
        done = pool.map(lambda share: _session([jobs[place] for place in share], limits), shares)
        for share, found in zip(shares, done, strict=True):
            for place, rows in zip(share, found, strict=True):
                results[place] = rows
    return results


def safe_environment(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """An environment without keys, tokens and settings; Jupyter's own files go to the folder."""
    clean = {name: value for name, value in clean_environment(environment).items() if not SECRET.search(name)}
    return {
        **clean,
        "CAI_BACKEND": "course",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def _configure(folder: Path) -> None:
    """Kernels of a session would share one file of history, wait for each other, and need none."""
    (folder / "profile_default").mkdir(parents=True)
    settings = json.dumps({"HistoryManager": {"enabled": False}})
    (folder / "profile_default" / "ipython_kernel_config.json").write_text(settings, "utf-8")


def _session(jobs: Sequence[Job], limits: Limits) -> list[list[Row]]:
    mark, stamp = secrets.token_hex(8), secrets.token_hex(8)
    # The results lie in another folder than the learner's: what a program writes where it runs is not read.
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as work:
        with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as books:
            for place, job in enumerate(jobs):
                folder = Path(books) / f"n{place:04}"
                folder.mkdir()
                with _PARSING:
                    book = build(job, mark, limits.cell)
                (folder / "answers.ipynb").write_text(json.dumps(book), "utf-8")
            (Path(books) / "pytest.ini").write_text("[pytest]\n", "utf-8")
            _configure(Path(work) / "ipython")
            results = Path(work) / "results.jsonl"
            environment = {**safe_environment(os.environ, Path(work)), STAMP: stamp}
            command = [sys.executable, str(WORKER), books, str(results), mark, str(limits.cell + 2), str(limits.file)]
            _run(command, books, environment, START_SECONDS + len(jobs) * (limits.file + 20), stamp, results)
        rows = _read(results)
    return [[row for row in rows if row.get("file") == f"n{place:04}"] for place in range(len(jobs))]


def _run(command: list[str], folder: str, environment: dict[str, str], seconds: float, stamp: str, rows: Path) -> None:
    """Run a worker to its end or its time limit, then end all that it started."""
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    log = Path(rows).with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options
        )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass
    finally:
        kernels = [row["kernel"] for row in _read(rows) if "kernel" in row]
        _end(process, kernels, stamp)


def _end(process: subprocess.Popen[bytes], kernels: list[int], stamp: str) -> None:
    """Stop the worker, its kernels, and what these started: by group, and on Linux by the stamp they all carry."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        for number in kernels:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(number)], capture_output=True, check=False)
        process.wait()
        return
    running = process.poll() is None
    if running:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if not sys.platform.startswith("linux"):
        for number in kernels:  # a kernel leads its own group
            with contextlib.suppress(OSError):
                os.killpg(number, signal.SIGKILL)
        return
    for number in _stamped(stamp):
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)


def _stamped(stamp: str) -> list[int]:
    wanted, found = f"{STAMP}={stamp}".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def _read(results: Path) -> list[Row]:
    if not results.is_file():
        return []
    rows = []
    for line in results.read_text("utf-8", "replace").splitlines():
        with contextlib.suppress(json.JSONDecodeError):  # the last line of a worker that was stopped
            rows.append(json.loads(line))
    return [row for row in rows if isinstance(row, dict)]


def _check_tools() -> None:
    from importlib.util import find_spec

    for name in ("pytest", "nbval", "ipykernel"):
        if find_spec(name) is None:
            raise NoTools(f"{name} is missing: run python -m pip install -r requirements-dev.txt first.")
