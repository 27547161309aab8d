"""The browser's Python as a folder of files: Pyodide's core, pure wheels, and the lock file that lists them.

The npm package of Pyodide brings the core and a lock file, but none of the wheels in that lock; wheels of the package
index have other hashes. So the lock is made anew from the wheels that are shipped.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "package.json")
# What a wheel's conditions are tested against: the Python of this Pyodide.
BROWSER = {
    "python_version": "3.14",
    "python_full_version": "3.14.2",
    "sys_platform": "emscripten",
    "platform_system": "Emscripten",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
    "implementation_version": "3.14.2",
    "platform_release": "",
    "platform_version": "",
    "extra": "",
}
# Files that no notebook uses, left out of two large wheels: every learner would load them. Measured: 1.7 MB of 15.2 MB.
LEFT_OUT = {
    "jedi": r"jedi/third_party/(django-stubs|typeshed/third_party/(?!2and3/requests/))",  # stubs of other packages
    "pygments": r"pygments/lexers/(?!__init__|_mapping|python|special|markup|html|css|javascript|data|diff|text|shell)",
}
NOT_SHIPPED = {"jupyterlab-widgets", "widgetsnbextension"}  # front ends; the site has them as extensions
Entry = dict[str, Any]


class BuildError(Exception):
    """The site cannot be built; the message says what to do."""


def make_dist(version: str, requirements: Path, wheels: Iterable[Path], cache: Path, out: Path) -> dict[str, Entry]:
    """Fill the folder `out`, and return the lock's packages. Downloads go to `cache` and are taken from there again."""
    core, python = fetch_core(version, cache), BROWSER["python_version"]
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with tarfile.open(core) as archive:
        for name in CORE:
            (out / name).write_bytes(member(archive, name))
        info = json.loads(member(archive, "pyodide-lock.json"))["info"]
    if not info["python"].startswith(python + "."):
        raise BuildError(f"Pyodide {version} has Python {info['python']}: set BROWSER in lite/pyodide_dist.py to it.")
    for wheel in [*sorted(fetch_wheels(requirements, python, cache).glob("*.whl")), *wheels]:
        left_out = LEFT_OUT.get(wheel.name.split("-")[0])
        if left_out:
            write_smaller(wheel, left_out, out)
        else:
            shutil.copy(wheel, out / wheel.name)
    packages = lock(sorted(out.glob("*.whl")), requirements)
    text = json.dumps({"info": info, "packages": packages}, indent=1, sort_keys=True)
    (out / "pyodide-lock.json").write_text(text + "\n", "utf-8")
    return packages


def fetch_core(version: str, cache: Path) -> Path:
    """Pyodide's npm package as npm packs it."""
    found = cache / f"pyodide-{version}.tgz"
    if not found.exists():
        cache.mkdir(parents=True, exist_ok=True)
        run(["npm", "pack", "--silent", f"pyodide@{version}"], cache)
    return found


def fetch_wheels(requirements: Path, python: str, cache: Path) -> Path:
    """A folder with the pinned wheels and no others; made anew when the list changes."""
    mark = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:16]
    folder = cache / f"wheels-{mark}"
    if not folder.exists():
        part = cache / f"wheels-{mark}.part"
        shutil.rmtree(part, ignore_errors=True)
        pure = ["--only-binary=:all:", "--implementation", "py", "--abi", "none", "--platform", "any"]
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *pure, "--python-version", python]
        run([*command, "-d", str(part), "-r", str(requirements)], cache)
        part.rename(folder)
    return folder


def write_smaller(wheel: Path, left_out: str, out: Path) -> None:
    """The wheel without files whose names fit; its build tag is made from its content, so that no store mixes two."""
    drop = re.compile(left_out)
    with zipfile.ZipFile(wheel) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if not drop.match(name)}
        if len(kept) == len(archive.namelist()):
            raise BuildError(f"{wheel.name} holds nothing that LEFT_OUT in lite/pyodide_dist.py names: mend it there.")
    for name in [name for name in kept if name.endswith(".dist-info/RECORD")]:
        lines = kept[name].decode("utf-8").splitlines(keepends=True)
        kept[name] = "".join(line for line in lines if not drop.match(line)).encode()
    mark = hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(kept.items()))).hexdigest()[:8]
    title, version, *tags = wheel.name.split("-")
    with zipfile.ZipFile(out / "-".join([title, version, f"0{mark}", *tags]), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in kept.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)


def lock(wheels: Iterable[Path], requirements: Path) -> dict[str, Entry]:
    """The lock's packages: file, hash, what it imports and needs. BuildError where something needed is not shipped."""
    packages: dict[str, Entry] = {}
    needs: dict[str, list[str]] = {}
    for wheel in wheels:
        name, version, requires, imports = read_wheel(wheel)
        needs[name] = requires
        packages[name] = {
            "name": name,
            "version": version,
            "file_name": wheel.name,
            "install_dir": "site",
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
            "imports": imports,
            "depends": [],
            "package_type": "package",
            "unvendored_tests": False,
        }
    for name, requires in needs.items():
        for requirement in map(Requirement, requires):
            other = canonicalize_name(requirement.name)
            if other in NOT_SHIPPED or (requirement.marker and not requirement.marker.evaluate(BROWSER)):
                continue
            if other not in packages:
                raise BuildError(f"{name} needs {requirement}, which is not shipped: add it to {requirements}.")
            if packages[other]["version"] not in requirement.specifier:
                raise BuildError(f"{name} needs {requirement}; {requirements} has {packages[other]['version']}.")
            packages[name]["depends"].append(other)
    return packages


def read_wheel(wheel: Path) -> tuple[str, str, list[str], list[str]]:
    """(name, version, requirements, top-level modules) of a wheel. BuildError for one that is not pure Python."""
    if not wheel.name.endswith("-none-any.whl"):
        raise BuildError(f"{wheel.name} is not pure Python, so no browser can load it.")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name))
        fields = HeaderParser().parsestr(archive.read(info).decode("utf-8"))
    parts = [name.split("/") for name in names if name.endswith(".py")]
    tops = {part[0].removesuffix(".py") for part in parts if not part[0].endswith((".dist-info", ".data"))}
    return canonicalize_name(fields["Name"]), fields["Version"], fields.get_all("Requires-Dist") or [], sorted(tops)


def member(archive: tarfile.TarFile, name: str) -> bytes:
    """A file of an npm package."""
    found = archive.extractfile(f"package/{name}")
    if found is None:
        raise BuildError(f"Pyodide's npm package has no {name}.")
    return found.read()


def run(command: list[str], folder: Path) -> None:
    """Run a command there; BuildError with its own words where it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is missing: install it, then build again.") from None
    if done.returncode:
        raise BuildError(f"{' '.join(command[:4])} ... failed:\n{(done.stderr or done.stdout)[-2000:]}")
