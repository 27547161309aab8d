"""The repository as a whole: README, requirements, the wheel, the CI command, no trace of one machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from cai_helpers.learning import lessons, manifest
from tests.conftest import ROOT

TEXT_ENDINGS = {".py", ".md", ".toml", ".txt", ".json", ".ipynb", ".yml", ".yaml", ".cfg", ".js", ".mjs", ".html", ""}
# Written in two halves, so that this file does not name what it looks for.
MACHINE = [rf"(?<![\w.~-])/{folder}/" for folder in ("wo" + "rk", "ro" + "ot", "t" + "mp")]
REGISTRY = ["py" + "pi.org", "pythonhos" + "ted.org", "npmjs" + ".org", "--index" + "-url", "extra-index" + "-url"]


# README


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def test_table_of_chapters_is_fresh() -> None:
    course = manifest.load_course(ROOT)
    assert lessons.filled_readme(course) == readme(), "run python -m cai_helpers build-lessons"


def test_readme_names_every_command_for_both_systems() -> None:
    commands = re.findall(r"^```(?:bash|bat)\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)
    assert len(commands) == 4
    assert all(command.count("\n") == 1 for command in commands), "each command is one line"
    for unix, windows in (commands[:2], commands[2:]):
        assert same_steps(unix, windows)


def same_steps(unix: str, windows: str) -> bool:
    """Whether two commands do the same: only slashes, the launcher and the folder of programs differ."""
    inner = windows.strip().removeprefix('cmd /c "').removesuffix('"').replace("\\", "/")
    return inner.replace("py -m", "python3 -m", 1).replace(".venv/Scripts/", ".venv/bin/") == unix.strip()


def test_first_command_opens_the_first_lesson() -> None:
    first = manifest.load_course(ROOT)["chapters"][0]["name"]
    opens = f"jupyter lab --ServerApp.root_dir=. notebooks/{first}.ipynb"
    assert f"requirements.txt && .venv/bin/python -m {opens}\n" in readme()


def test_readme_links_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", readme())
    assert targets
    assert [target for target in targets if "://" not in target and not (ROOT / target).exists()] == []


# Requirements


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_has_both_bounds_and_a_reason(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        requirement, _, reason = line.partition("#")
        if requirement.startswith("-r"):
            continue
        assert reason.strip(), f"{line}: say why"
        if not requirement.startswith("-e"):
            assert unbounded(requirement) == [], f"{line}: bound it on both sides"


def test_dependencies_of_the_package_are_bounded_and_few() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert block
    found = re.findall(r'^\s*"(.+)",$', block[1], re.MULTILINE)
    assert [unbounded(line) for line in found] == [[] for _ in found]
    assert [Requirement(line).name for line in found] == ["requests", "tomli"]
    same = re.search(r"^requests\S+", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert same and Requirement(same[0]).specifier == Requirement(found[0]).specifier


def unbounded(requirement: str) -> list[str]:
    """Which bound a requirement lacks."""
    signs = {part.operator for part in Requirement(requirement.strip()).specifier}
    if signs & {"=="}:
        return []
    return [want for want, kinds in (("lower", {">=", ">"}), ("upper", {"<", "<="})) if not signs & kinds]


def test_missing_bound_is_found() -> None:
    assert unbounded("requests") == ["lower", "upper"]
    assert unbounded("requests>=2") == ["upper"]
    assert unbounded("requests<3") == ["lower"]
    assert unbounded("requests>=2,<3; python_version < '3.11'") == []


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network by the backend that requirements-dev.txt installs."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_is_pure_and_holds_every_file_that_runs(wheel: Path) -> None:
    assert wheel.name == "cai_helpers-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "cai_helpers").rglob("*")
        if path.is_file() and path.suffix in (".py", ".json", ".md", ".txt", ".typed")
    }
    examples = {name for name in wanted if "/data/examples/" in name}  # the weights are made from them, in a checkout
    assert examples and not examples & held
    wanted -= examples
    assert wanted <= held
    assert any(name.endswith(".json") for name in held)
    assert {name.split("/")[0] for name in held} == {"cai_helpers", "cai_helpers-0.1.0.dist-info"}


def test_import_brings_in_requests_and_the_standard_library_only(wheel: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    code = (
        "import sys, requests; before = set(sys.modules)\n"
        f"sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import cai_helpers; assert cai_helpers.__file__.startswith(sys.path[0]), cai_helpers.__file__\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert strangers(done.stdout.split()) == []


def strangers(names: list[str]) -> list[str]:
    """Modules that are neither ours nor of the standard library."""
    return [name for name in names if name not in sys.stdlib_module_names and name != "cai_helpers"]


def test_stranger_is_found() -> None:
    assert strangers(["json", "cai_helpers", "numpy"]) == ["numpy"]


# The CI command


def test_ci_runs_the_readme_command() -> None:
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "--show"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in readme()
    assert done.stdout.count("\n") == 1
    assert done.stdout.endswith(" -m pytest\n") or " -m pytest -n 2 " in done.stdout


def test_ci_runs_what_readme_says_and_fails_with_it(tmp_path: Path) -> None:
    """The script in a copy of the course whose README holds other commands."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    frame = "<!-- test command -->\n```bash\n{}\n```\n<!-- end of test command -->\n"
    for command, status in (("echo it ran", 0), ("exit 3", 3), ("false && echo it ran", 1)):
        (tmp_path / "README.md").write_text(frame.format(command), "utf-8")
        done = subprocess.run(
            ["bash", str(tmp_path / ".ci" / "run")],
            cwd=tmp_path.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert ("\nit ran\n" in done.stdout) == (status == 0)
    (tmp_path / "README.md").write_text("nothing", "utf-8")
    done = subprocess.run(
        ["bash", str(tmp_path / ".ci" / "run")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "holds no test command" in done.stderr


def test_ci_installs_what_a_bare_machine_lacks(tmp_path: Path) -> None:
    """A machine whose python3 has no ensurepip until apt-get has run."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    frame = "<!-- test command -->\n```bash\npython3 -V\n```\n<!-- end of test command -->\n"
    (tmp_path / "README.md").write_text(frame, "utf-8")
    programs = {
        "python3": f'echo "python3 $*" >>log\n[ -e installed ] || exit 1\nexec {sys.executable} "$@"\n',
        "apt-get": 'echo "apt-get $*" >>log\ncase $1 in install) touch installed;; esac\n',
        "id": "echo 0\n",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncd {tmp_path}\n{text}", "utf-8")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["bash", str(tmp_path / ".ci" / "run")],
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "CI": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps = (tmp_path / "log").read_text("utf-8").splitlines()
    assert [step.split()[0] for step in steps] == ["python3", "apt-get", "apt-get", "python3", "python3"]
    assert "python3-venv" in steps[2]
    assert steps[-1] == "python3 -V"


# Nothing of one machine


def files() -> Iterator[Path]:
    """Every file that belongs to the repository: what git tracks or would track."""
    git = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        yield from (ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file())
        return
    for folder, names, found in os.walk(ROOT):
        names[:] = [
            name for name in names if not re.fullmatch(r"\.(?!ci$).*|__pycache__|build|dist|.*\.egg-info", name)
        ]
        yield from (Path(folder) / name for name in found)


def traces(text: str) -> list[str]:
    """What in a text belongs to one machine or names a package registry."""
    return [match[0] for pattern in [*MACHINE, *map(re.escape, REGISTRY)] if (match := re.search(pattern, text))]


def test_no_file_names_a_machine_or_a_registry() -> None:
    found = {
        str(path.relative_to(ROOT)): hits
        for path in files()
        if path.suffix in TEXT_ENDINGS and (hits := traces(path.read_text("utf-8", errors="replace")))
    }
    assert not found


def test_trace_is_found() -> None:
    assert traces("see /wo" + "rk/main/x.py")
    assert traces("pip install --index" + "-url x")
    assert traces("a URL such as https://example.org/work and the word homework/room") == []
