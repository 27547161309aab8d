"""Build the course as a static JupyterLite site: python lite/build.py

What comes out (build/lite/site) needs a web server that sends files, and nothing else: no address in it leads outside.
It is built from empty each time, because JupyterLite's second build in a row loses the address of the Python core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

LITE = Path(__file__).resolve().parent
ROOT = LITE.parent
sys.path[:0] = [str(LITE), str(ROOT)]

from pyodide_dist import BuildError, make_dist, run  # noqa: E402

from cai_helpers.learning.work import mark_of  # noqa: E402

SITE = ROOT / "build" / "lite" / "site"
CACHE = ROOT / ".cache" / "lite"
PYODIDE = "314.0.6"  # the version that the pinned kernel names; the build compares them
KERNEL = "jupyterlite-pyodide-kernel"
KERNEL_FILES = Path("share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension/static/pypi")
KERNEL_WHEELS = ("piplite", "pyodide_kernel", "ipykernel")
PAGES = ("README.md", "LICENSE")  # the notebooks link to README
FOLDERS = {"notebooks": ["*.ipynb"], "exercises": ["*.ipynb"], "benchmarks": ["*.md"]}
EDITIONS = "editions.json"  # in the browser's package only: {notebook: mark of the version that this site ships}


def main() -> None:
    """Build, and say what was built."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--site", type=Path, default=SITE, help="folder to write (it is emptied first)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder that keeps downloads for the next build")
    chosen = parser.parse_args()
    started = time.perf_counter()
    try:
        build(chosen.site.resolve(), chosen.cache.resolve())
    except BuildError as error:
        sys.exit(f"The site was not built. {error}")
    files = [path for path in chosen.site.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{len(files)} files, {size:.1f} MB in {chosen.site} ({time.perf_counter() - started:.0f} s).")
    print("Look at it: python lite/serve.py")


def build(site: Path, cache: Path) -> None:
    """The whole site, from empty."""
    check_versions()
    work = site.parent / "work"
    for folder in (work, site):
        shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    editions = stage_contents(work / "contents")
    ours = build_wheel(work, editions)
    kernel = [only(Path(sys.prefix) / KERNEL_FILES, f"{name}-*.whl") for name in KERNEL_WHEELS]
    make_dist(PYODIDE, LITE / "requirements.txt", [ours, *kernel], cache, work / "static" / "pyodide")
    for name in ("jupyter-lite.json", "jupyter_lite_config.json"):
        shutil.copy(LITE / name, work / name)
    command = [sys.executable, "-m", "jupyterlite_core", "build"]
    run([*command, "--lite-dir", ".", "--contents", "contents", "--output-dir", str(site)], work)
    shutil.copy(site / "lab" / "favicon.ico", site / "favicon.ico")  # browsers ask for it where a page names none
    check_site(site)


def check_versions() -> None:
    """BuildError unless the installed kernel is made for PYODIDE."""
    try:
        from jupyterlite_pyodide_kernel.constants import PYODIDE_VERSION
    except ImportError:
        raise BuildError("Install what it needs first: python -m pip install -r requirements-dev.txt") from None
    if PYODIDE_VERSION != PYODIDE:
        found = metadata.version(KERNEL)
        raise BuildError(f"{KERNEL} {found} wants Pyodide {PYODIDE_VERSION}: set PYODIDE in lite/build.py to it.")


def stage_contents(folder: Path) -> dict[str, str]:
    """Copy what learners see, mark each notebook with its edition, and return the marks."""
    editions = {}
    for name, patterns in FOLDERS.items():
        (folder / name).mkdir(parents=True)
        for path in sorted(path for pattern in patterns for path in (ROOT / name).glob(pattern)):
            text = path.read_text("utf-8")
            if path.suffix == ".ipynb":
                notebook = json.loads(text)
                mark = editions[f"{name}/{path.name}"] = mark_of(notebook)
                notebook["metadata"].setdefault("cai", {})["edition"] = mark
                text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            (folder / name / path.name).write_text(text, "utf-8")
    for name in PAGES:
        shutil.copy(ROOT / name, folder / name)
    return editions


def build_wheel(work: Path, editions: dict[str, str]) -> Path:
    """This package as a wheel whose version is made from its content.

    A browser keeps files by their address. With a version of its own, no new package meets an old one from the store.
    """
    source = work / "package"
    source.mkdir()
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "cai_helpers", source / "cai_helpers", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (source / "cai_helpers" / EDITIONS).write_text(json.dumps(editions, indent=1, sort_keys=True) + "\n", "utf-8")
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    mark = int(hashlib.sha256(settings.encode() + digest(source).encode()).hexdigest()[:12], 16)
    settings, count = re.subn(r'^version = "(.+)"$', rf'version = "\1.post{mark}"', settings, flags=re.MULTILINE)
    if count != 1:
        raise BuildError("pyproject.toml must hold one line: version = ...")
    (source / "pyproject.toml").write_text(settings, "utf-8")
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "..", "."], source)
    return only(work, "cai_helpers-*.whl")


def digest(folder: Path) -> str:
    """A mark of all names and contents in a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            total.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def only(folder: Path, pattern: str) -> Path:
    """The one file that fits. BuildError for none or several."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise BuildError(f"{len(found)} files {pattern} in {folder}, not one.")
    return found[0]


def check_site(site: Path) -> None:
    """BuildError unless every address that the site loads from is its own, and every file in the lock is there."""
    problems = [*outside_addresses(site), *broken_lock(site)]
    if problems:
        raise BuildError("It would load from outside, or not at all: " + "; ".join(problems))


def outside_addresses(site: Path) -> list[str]:
    """Settings of the site that name another host, or that let the kernel ask the public package index."""
    found = []
    for path in sorted(site.rglob("jupyter-lite.json")):
        data = json.loads(path.read_text("utf-8"))["jupyter-config-data"]
        where = path.relative_to(site).as_posix()
        for place, text in addresses(data):
            found.append(f"{where}: {place} is {text}")
        for extension in data.get("federated_extensions", []):
            if not (site / "extensions" / extension["name"] / extension["load"]).is_file():
                found.append(f"{where}: the extension {extension['name']} is missing")
    kernel = kernel_settings(site)
    if kernel.get("pyodideUrl", "").lstrip("./").split("?")[0] != "static/pyodide/pyodide.mjs":
        found.append(f"pyodideUrl is {kernel.get('pyodideUrl')}")
    if kernel.get("disablePyPIFallback") is not True:
        found.append("disablePyPIFallback is not true")
    return found


def kernel_settings(site: Path) -> dict[str, Any]:
    """The kernel's part of the site's settings."""
    data = json.loads((site / "jupyter-lite.json").read_text("utf-8"))["jupyter-config-data"]
    settings: dict[str, Any] = data["litePluginSettings"]["@jupyterlite/pyodide-kernel-extension:kernel"]
    return settings


def addresses(data: Any, place: str = "") -> list[tuple[str, str]]:
    """(where, text) of each text in nested settings that is an address of another host."""
    if isinstance(data, dict):
        return [hit for name, value in data.items() for hit in addresses(value, f"{place}.{name}".strip("."))]
    if isinstance(data, list):
        return [hit for number, value in enumerate(data) for hit in addresses(value, f"{place}[{number}]")]
    return [(place, data)] if isinstance(data, str) and re.match(r"(?i)\s*([a-z][a-z0-9+.-]*:)?//", data) else []


def broken_lock(site: Path) -> list[str]:
    """What is wrong with the lock file: entries from elsewhere, missing or changed files, compiled packages."""
    folder, problems = site / "static" / "pyodide", []
    for name, entry in json.loads((folder / "pyodide-lock.json").read_text("utf-8"))["packages"].items():
        wheel = folder / entry["file_name"]
        if "/" in entry["file_name"] or not wheel.is_file():
            problems.append(f"{name}: no file {entry['file_name']}")
        elif hashlib.sha256(wheel.read_bytes()).hexdigest() != entry["sha256"]:
            problems.append(f"{name}: the file is not the one in the lock")
    return problems


if __name__ == "__main__":
    main()
