"""One pytest session with nbval over a folder of spliced notebooks: run as a file, in a process of its own.

    python grade_worker.py FOLDER RESULTS MARK CELL_SECONDS FILE_SECONDS

nbval runs every cell and compares every check with its recorded value. This plugin writes one line of JSON for each
cell to RESULTS as it happens, lets nothing but the guard's own outputs be compared, notices at once when a kernel has
died (nbval would wait for its time limit), and stops a file whose time is up.

Imports neither the package nor anything slow: every submission waits for this.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from queue import Empty
from typing import Any

STEP = 0.5  # seconds between two looks at the kernel
OUTPUT_WAIT = 5  # seconds, nbval's own
LONGEST = 300  # characters of an error's text that are kept


class Died(RuntimeError):
    """The kernel ended while a cell ran."""


class OnlyTheGuard:
    """Stands for nbval's list of fields not to compare: all but the guard's values."""

    def __init__(self, mark: str):
        self.compared = ("data", f"application/x-cai-{mark}")

    def __contains__(self, name: object) -> bool:
        return name not in self.compared


class Plugin:
    """The hooks. kernels: process numbers of the kernels that were started, so that the grader can end them."""

    def __init__(self, results: Path, mark: str, file_seconds: float):
        self.results, self.mark, self.file_seconds = results, mark, file_seconds
        self.failed: dict[Any, set[str]] = {}
        self.late: dict[Any, set[str]] = {}  # exercises whose first failing check did not end
        self.ends: dict[Any, float] = {}
        self.broken: set[Any] = set()

    def write(self, **row: Any) -> None:
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def pytest_collection_finish(self, session: Any) -> None:
        """Everything is read: take the notebooks, with the hidden checks, out of the learner's reach."""
        for path in {item.path for item in session.items}:
            path.unlink()

    def pytest_runtest_setup(self, item: Any) -> None:
        """Only the guard's values are compared; no mistake is looked for where nothing failed."""
        import pytest

        notebook = item.parent
        notebook.skip_compare = OnlyTheGuard(self.mark)
        if notebook in self.broken:
            pytest.skip("an earlier cell broke the kernel: the grader runs the rest anew")
        facts = item.cell.metadata["cai"]
        if facts["role"] == "mistake":
            failed = facts["exercise"] in self.failed.get(notebook, ())
            if not failed or facts["exercise"] in self.late.get(notebook, ()):
                pytest.skip("no mistake to look for")

    def pytest_runtest_call(self, item: Any) -> None:
        """Before nbval runs the file's first cell: watch the kernel from now on."""
        kernel = item.parent.kernel
        if kernel is not None and not hasattr(kernel, "cai_watched"):
            kernel.cai_watched = True
            self.ends[item.parent] = time.monotonic() + self.file_seconds
            manager = getattr(kernel, "km", None)
            pid = getattr(getattr(manager, "provisioner", None), "pid", None)
            if pid:
                self.write(kernel=pid)
            self._watch(kernel, item.parent)

    def _watch(self, kernel: Any, notebook: Any) -> None:
        ask = kernel.get_message

        def get_message(stream: str, timeout: float | None = None) -> Any:
            end = time.monotonic() + (LONGEST if timeout is None else timeout)
            while True:
                now = time.monotonic()
                try:
                    return ask(stream, timeout=max(0.0, min(STEP, end - now)))
                except Empty:
                    if not kernel.is_alive():
                        raise Died("kernel died") from None
                    if now >= self.ends[notebook] + OUTPUT_WAIT:
                        kernel.stop()
                        raise Died("time is up") from None
                    if now >= end:
                        raise
                    if now >= self.ends[notebook] and stream == "shell":
                        raise

        kernel.get_message = get_message

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """One line for each cell: its facts, whether it passed, and what it gave."""
        if call.when == "teardown" or (call.when == "setup" and (call.excinfo is None or _skipped(call.excinfo.value))):
            return
        facts, error = item.cell.metadata["cai"], call.excinfo.value if call.excinfo else None
        row: dict[str, Any] = {"file": item.path.parent.name, **facts, "seconds": round(call.duration, 3)}
        row["outcome"] = "passed" if error is None else "failed"
        row["trouble"] = _trouble(error)
        if facts["role"] in ("check", "mistake"):
            row.update(self._value(item))
            if row["outcome"] == "failed" and "error" not in row and not (row["trouble"] or row.get("late")):
                row["trouble"] = "silent"  # the guard did not even answer: the kernel is not what it was
        elif row["outcome"] == "failed":
            row["error"] = _error(item)
        if facts["role"] == "check" and row["outcome"] != "passed":
            failed = self.failed.setdefault(item.parent, set())
            if (row.get("late") and facts["exercise"] not in failed) or row["trouble"]:
                self.late.setdefault(item.parent, set()).add(facts["exercise"])
            failed.add(facts["exercise"])
        if row["trouble"]:
            self.broken.add(item.parent)
        self.write(**row)

    def _value(self, item: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        mime = f"application/x-cai-{self.mark}"
        for output in item.test_outputs or ():
            data = output.get("data", {})
            found.update(data.get(f"{mime}-note+json", {}))
            if mime in data:
                found["got"] = str(data[mime])[:10_000]
        if "error" in found:
            found["error"] = str(found["error"])[:LONGEST]
        return found


def _skipped(error: BaseException) -> bool:
    return type(error).__name__ == "Skipped"


def _trouble(error: BaseException | None) -> str:
    """What puts the kernel itself in question: "died", "late", or "" for nothing."""
    text = str(error) if error is not None else ""
    if isinstance(error, Died):
        return "late" if "time" in text else "died"
    if "Timeout of" in text or "Timed out" in text or isinstance(error, Empty):
        return "late"
    return "died" if "Kernel dead" in text else ""


def _error(item: Any) -> str:
    for output in item.test_outputs or ():
        if output.get("output_type") == "error":
            return f"{output['ename']}: {output['evalue']}"[:LONGEST]
    return ""


def main(folder: str, results: str, mark: str, cell_seconds: str, file_seconds: str) -> int:
    """Run the session. Returns pytest's exit status."""
    server = _kernel_server()
    # jsonschema builds a grammar of this optional package at import, which takes a second: do without it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import pytest

    if server is not None:
        from jupyter_client.provisioning import local_provisioner

        local_provisioner.launch_kernel = server.launch
    options = [
        folder, "--nbval", "--nbval-current-env", f"--nbval-cell-timeout={cell_seconds}", "-p", "nbval.plugin",
        "-c", str(Path(folder) / "pytest.ini"), "--tb=no", "-q", "-p", "no:cacheprovider",
    ]  # fmt: skip
    try:
        return int(pytest.main(options, plugins=[Plugin(Path(results), mark, float(file_seconds))]))
    finally:
        if server is not None:
            server.close()


def _kernel_server() -> Any:
    """The process that forks kernels, loading while pytest loads; None where kernels start the usual way."""
    folder = sys.path.pop(0)  # this file's: its modules are not to be found by their short names
    spec = importlib.util.spec_from_file_location("cai_kernel_server", Path(folder) / "kernel_server.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Server() if module.available() else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
