"""Lessons, solutions and exercises' checks in the site's own Python under Node: outputs as committed, cell by cell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.learning.exercises import load_sheets
from tests.browser import chrome
from tests.browser.shown import differences

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
SHEETS = [sheet.name for sheet in load_sheets(ROOT)]
PROBES = HERE / "probes.py"


def drill(name: str) -> dict[str, Any]:
    """A notebook that solves a chapter's exercises as a learner would: first nothing, then the solution, then check."""
    (sheet,) = [found for found in load_sheets(ROOT) if found.name == name]
    cells = [sheet.setup.source, "from cai_helpers.learning import check as _check"]
    for exercise in sheet.exercises:
        cells += [cell.source for cell in exercise.given]
        cells += [exercise.starter, f"print(_check({exercise.id!r}).verdict)"]
        cells += [exercise.answer.source, f"print(_check({exercise.id!r}).verdict)"]
    return {"cells": [{"cell_type": "code", "metadata": {}, "source": source} for source in cells]}


def probe_cells() -> dict[str, Any]:
    """probes.py as a notebook: one cell from each line `# %%` to the next."""
    parts = PROBES.read_text("utf-8").split("# %%")[1:]
    return {"cells": [{"cell_type": "code", "metadata": {}, "source": part.partition("\n")[2]} for part in parts]}


@pytest.fixture(scope="module")
def ran(site: Path, node: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """{what: the notebook as it ran}, all in one start of the browser's Python."""
    folder = tmp_path_factory.mktemp("node")
    shutil.copytree(site / "files", folder / "drive")
    (folder / "out").mkdir()
    tasks: list[tuple[str, Path, str]] = [(f"notebooks/{path.stem}", path, "notebooks") for path in LESSONS]
    tasks += [(f"solutions/{path.stem}", path, "exercises") for path in SOLUTIONS]
    made = {f"drill/{name}": drill(name) for name in SHEETS} | {"probes": probe_cells()}
    for name, notebook in made.items():
        path = folder / f"{name.replace('/', '-')}.ipynb"
        path.write_text(json.dumps(notebook), "utf-8")
        tasks.append((name, path, "exercises"))
    settings = json.loads((site / "jupyter-lite.json").read_text("utf-8"))["jupyter-config-data"]["litePluginSettings"]
    (kernel,) = settings.values()
    halves = [[*range(0, len(tasks), 2)], [*range(1, len(tasks), 2)]]  # one for each core of a small machine
    running = []
    for half, numbers in enumerate(halves):
        job = {
            "dist": str(site / "static" / "pyodide"),
            "drive": str(folder / "drive"),
            "out": str(folder / "out"),
            "packages": kernel["loadPyodideOptions"]["packages"],
            "notebooks": [{"number": n, "path": str(tasks[n][1]), "folder": tasks[n][2]} for n in numbers],
        }
        (folder / f"{half}.json").write_text(json.dumps(job), "utf-8")
        command = [node, *flags(node), str(HERE / "kernel.mjs"), str(folder / f"{half}.json")]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    said = [process.communicate(timeout=600)[0] for process in running]
    chrome.SHOTS.mkdir(parents=True, exist_ok=True)
    (chrome.SHOTS / "node.log").write_text("\n".join(said), "utf-8")
    assert [process.returncode for process in running] == [0, 0], "\n".join(said)[-4000:]
    found = {}
    for number, (name, _, _) in enumerate(tasks):
        path = folder / "out" / f"{number}.json"
        assert path.is_file(), f"node stopped before {name}: {said[number % 2][-3000:]}"
        found[name] = json.loads(path.read_text("utf-8"))
    return found


def flags(node: str) -> list[str]:
    """What Node needs for JSPI: a flag up to version 23, nothing later."""
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return ["--experimental-wasm-stack-switching"] if int(version.lstrip("v").split(".")[0]) < 24 else []


def committed(path: Path) -> dict[str, Any]:
    """A notebook of this checkout."""
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_shows_what_is_committed(path: Path, ran: dict[str, dict[str, Any]]) -> None:
    assert not differences(ran[f"notebooks/{path.stem}"], committed(path))


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_solution_shows_what_is_committed(path: Path, ran: dict[str, dict[str, Any]]) -> None:
    assert not differences(ran[f"solutions/{path.stem}"], committed(path))


@pytest.mark.parametrize("name", SHEETS)
def test_checks_tell_a_solution_from_a_starter(name: str, ran: dict[str, dict[str, Any]]) -> None:
    cells = ran[f"drill/{name}"]["cells"]
    # The last line: before the first verdict stands a note about endless loops in the browser.
    said = [texts(cell).strip().splitlines()[-1] for cell in cells if "print(_check(" in cell["source"]]
    assert len(said) >= 2 and len(said) % 2 == 0
    assert set(said[0::2]) <= {"not yet", "not started"}
    assert set(said[1::2]) == {"correct"}


def test_threads_time_outs_and_nulls(ran: dict[str, dict[str, Any]]) -> None:
    """The cells of probes.py assert for themselves; none may fail, and each says that it came to its end."""
    for cell in ran["probes"]["cells"]:
        kinds = [output["output_type"] for output in cell["outputs"]]
        assert "error" not in kinds, json.dumps(cell["outputs"])[:3000]
        assert "as it should be" in texts(cell), cell["source"]


def test_a_wrong_output_would_be_found(ran: dict[str, dict[str, Any]]) -> None:
    good = committed(LESSONS[0])
    assert differences(good, good) == []
    bad = json.loads(json.dumps(ran[f"notebooks/{LESSONS[0].stem}"]))
    shown = next(cell for cell in bad["cells"] if cell.get("outputs"))
    shown["outputs"] = []
    assert len(differences(bad, good)) == 1
    assert not os.environ.get("CAI_BACKEND")


def texts(cell: dict[str, Any]) -> str:
    """What a cell printed."""
    return "".join(output["text"] for output in cell["outputs"] if output["output_type"] == "stream")
