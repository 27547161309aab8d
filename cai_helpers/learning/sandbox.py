"""Run check code beside a learner's names, and leave no trace: names, built-ins, streams, files' place, client, chance.

Checks run with the notebook's own names as globals, because the learner's functions look there; `Sandbox` puts back
every name afterwards.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import shelter
from .limits import CHECK_FILE, TooLong, time_limit

_PARSE, _COMPILE, _EXEC, _EVAL, _REPR, _TYPE = ast.parse, compile, exec, eval, repr, type
PLAIN = (bool, int, str, type(None))


@dataclass(frozen=True)
class Run:
    """What one piece of code gave. value: its last expression as text, "" for none. error: "ValueError: ..."."""

    value: str = ""
    error: str = ""
    missing: str = ""  # the name that a NameError names
    late: bool = False


class Sandbox:
    """`with Sandbox(namespace, shadows) as box: box.run(source, 10)`. shadows: names to hide if they hide built-ins."""

    def __init__(self, namespace: dict[str, Any], shadows: Iterable[str] = ()):
        self.namespace = namespace
        self.shadows = [name for name in shadows if name in shelter.BUILTINS]
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Sandbox:
        parts = (
            shelter.kept_names(self.namespace),
            shelter.kept_builtins(),
            shelter.surroundings(),
            shelter.no_exit(self.namespace),
            shelter.silence(),
        )
        for part in parts:
            self._stack.enter_context(part)
        for name in self.shadows:
            self.namespace.pop(name, None)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, source: str, seconds: float) -> Run:
        """Run one check on a fresh client of the course model. Raises KeyboardInterrupt when the learner stops it."""
        try:
            with shelter.course_client(), time_limit(seconds, self.namespace):
                return self._value(source)
        except TooLong:
            return Run(late=True)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            name = error.name if isinstance(error, NameError) and _TYPE(error.name) is str else ""
            return Run(error=_said(error), missing=name or "")

    def _value(self, source: str) -> Run:
        body = _PARSE(source).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        _EXEC(_COMPILE(ast.Module(body, []), CHECK_FILE, "exec"), self.namespace)
        if last is None:
            return Run(error="SyntaxError: the check has no value")
        assert isinstance(last, ast.Expr)
        value = _EVAL(_COMPILE(ast.Expression(last.value), CHECK_FILE, "eval"), self.namespace)
        if not is_plain(value):
            return Run(error=f"TypeError: a {_TYPE(value).__name__} came where plain Python values are compared")
        return Run(value=_REPR(value))


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value is made of exact built-in types only, so that it shows and compares as what it is."""
    kind = _TYPE(value)
    if kind in PLAIN:
        return True
    if depth > 10 or kind not in (list, tuple, dict):
        return False
    parts = [*value.keys(), *value.values()] if kind is dict else value
    return all(is_plain(part, depth + 1) for part in parts)


def _said(error: BaseException) -> str:
    try:
        return f"{_TYPE(error).__name__}: {error}"
    except Exception:
        return _TYPE(error).__name__
