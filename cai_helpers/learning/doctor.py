"""`python -m cai_helpers doctor`: can this computer run the course? One plain sentence for each finding."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from importlib import metadata
from urllib.parse import urlsplit

from .manifest import CourseError, find_root

OLDEST_PYTHON = (3, 10)
REINSTALL = "run python -m pip install -r requirements.txt"
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")

Finding = tuple[bool, str]


def examine() -> int:
    """Print every finding. Returns 0 when all of them are fine, else 1."""
    findings = [python_version(sys.version_info[:3]), *packages(), course_model()]
    for fine, sentence in findings:
        print(f"{'ok     ' if fine else 'PROBLEM'}  {sentence}")
    for sentence in [*keys(os.environ), *settings(os.environ)]:
        print(f"note     {sentence}")
    problems = sum(not fine for fine, _ in findings)
    print("\nEverything is ready." if not problems else f"\nProblems to solve: {problems}.")
    return 1 if problems else 0


def python_version(version: tuple[int, ...]) -> Finding:
    """Whether this Python is new enough."""
    shown = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return (
            False,
            f"Python {shown} is too old: install Python 3.10 or newer, then make a new .venv with it.",
        )
    return True, f"Python {shown}."


def packages() -> list[Finding]:
    """Every package of requirements.txt: is it here, and within its bounds?"""
    try:
        text = (find_root() / "requirements.txt").read_text(encoding="utf-8")
    except (CourseError, FileNotFoundError):
        text = "\n".join(line for line in _declared() if ";" not in line)
    return [_package(name, bounds) for name, bounds in read_bounds(text).items()]


def read_bounds(text: str) -> dict[str, list[tuple[str, str]]]:
    """The bounds in a requirements text: {"requests": [(">=", "2.31"), ("<", "3")]}; skips other lines."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9][\w.-]*)\s*([<>=!~][^#;]*)", line.strip())
        if match:
            found[match[1]] = re.findall(r"(>=|<=|==|!=|~=|<|>)\s*([\w.]+)", match[2])
    return found


def within(version: str, bounds: list[tuple[str, str]]) -> bool:
    """Whether a version such as "8.1.9" keeps all bounds. Looks at >=, <=, > and < only."""
    ours = _numbers(version)
    tests = {
        ">=": lambda bound: ours >= bound,
        "<=": lambda bound: ours <= bound,
        ">": lambda bound: ours > bound,
        "<": lambda bound: ours < bound,
    }
    return all(tests[sign](_numbers(bound)) for sign, bound in bounds if sign in tests)


def course_model() -> Finding:
    """Whether the course model answers here, with no key and no network."""
    try:
        from cai_helpers import call_llm, connect

        connect("course")
        reply = call_llm("", "Hello")
    except Exception as error:
        return False, f"The course model does not answer ({type(error).__name__}: {error}): {REINSTALL}."
    if not isinstance(reply, str) or not reply.strip():
        return False, f"The course model gave an empty reply; {REINSTALL}."
    return True, "The course model answers."


def keys(environment: Mapping[str, str]) -> list[str]:
    """For each vendor's key: is one set? The key itself is never shown."""
    return [
        f"{name} is {'set' if environment.get(name, '').strip() else 'not set; the lessons need no key'}."
        for name in KEYS
    ]


def settings(environment: Mapping[str, str]) -> list[str]:
    """The CAI_ variables that are set: they change which model answers. Hides passwords in addresses."""
    names = sorted(name for name in environment if name.startswith("CAI_"))
    return [f"{name} is set to {_shown(environment[name])!r}." for name in names]


def _shown(value: str) -> str:
    try:
        address = urlsplit(value)
    except ValueError:
        return "(not shown)"
    if "@" in address.netloc or address.query:
        host = address.netloc.rpartition("@")[2]
        return f"{address.scheme}://{host}{address.path} (rest not shown)"
    return "(not shown: it looks like a key)" if re.match(r"sk-|key", value) else value


def _package(name: str, bounds: list[tuple[str, str]]) -> Finding:
    wanted = ",".join(sign + bound for sign, bound in bounds)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False, f"{name} is missing: {REINSTALL}."
    if not within(version, bounds):
        return False, f"{name} {version} is outside {wanted}: {REINSTALL}."
    return True, f"{name} {version} ({wanted})."


def _declared() -> list[str]:
    try:
        return metadata.requires("cai-helpers") or []
    except metadata.PackageNotFoundError:
        return []


def _numbers(version: str) -> list[int]:
    numbers = [int(part) for part in re.findall(r"\d+", re.split(r"[a-zA-Z+]", version)[0])]
    while numbers and numbers[-1] == 0:  # 3.0 and 3 are equal
        numbers.pop()
    return numbers
