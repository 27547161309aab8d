"""Context managers that put back what a check changes: names, built-ins, files' place, chance, client, streams.

Import this module before the learner's code runs: it keeps the built-ins as it finds them.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

BUILTINS = dict(vars(builtins))
LEFT_ALONE = {"_", "display", "get_ipython", "input"}  # the kernel changes these itself


@contextlib.contextmanager
def kept_names(namespace: dict[str, Any]) -> Iterator[None]:
    """The notebook's names as they were: new ones go, changed and deleted ones come back."""
    before = dict(namespace)
    try:
        yield
    finally:
        for name in [name for name in namespace if name not in before]:
            del namespace[name]
        namespace.update(before)


@contextlib.contextmanager
def kept_builtins() -> Iterator[None]:
    """Python's own built-ins for a while, with an input() that asks nobody; then the learner's again."""
    ours = vars(builtins)
    changed = {
        name: ours.get(name)
        for name, value in BUILTINS.items()
        if ours.get(name) is not value and name not in LEFT_ALONE
    }
    ours.update({name: BUILTINS[name] for name in changed})
    typed = ours["input"]
    ours["input"] = _no_input
    try:
        yield
    finally:
        ours.update(changed, input=typed)


def _no_input(*prompt: object) -> str:
    raise RuntimeError("input() does not work in a checked answer")


@contextlib.contextmanager
def no_exit(namespace: dict[str, Any]) -> Iterator[None]:
    """exit() and quit() do nothing; os._exit() ends the check, not the kernel."""

    def nothing(*status: object) -> None:
        """A check goes on."""

    def stop(status: int) -> None:
        raise SystemExit(status)

    ours, kill = vars(builtins), os._exit
    before: dict[str, Any] = {name: ours[name] for name in ("exit", "quit") if name in ours}
    ours.update(exit=nothing, quit=nothing)
    for name in ("exit", "quit"):  # IPython's own stand in the notebook's names; kept_names puts them back
        namespace.pop(name, None)
    os._exit = stop  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = kill
        for name in ("exit", "quit"):
            ours.pop(name, None)
        ours.update(before)


@contextlib.contextmanager
def surroundings() -> Iterator[None]:
    """Random numbers, working folder, environment, warning filters and client as they were."""
    from cai_helpers import client

    chance, environment, connected = random.getstate(), dict(os.environ), client._current
    try:
        place: str | None = os.getcwd()  # noqa: PTH109
    except OSError:
        place = None
    try:
        with warnings.catch_warnings():
            yield
    finally:
        random.setstate(chance)
        client._current = connected
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        if place is not None:
            with contextlib.suppress(OSError):
                os.chdir(place)


@contextlib.contextmanager
def course_client() -> Iterator[None]:
    """A fresh client of the course model, with the switches of the connected one: no check costs or varies."""
    from cai_helpers import client
    from cai_helpers.connection import connect
    from cai_helpers.course_model import ADDRESSES, CourseModel, mount

    before = client._current
    session = getattr(before, "session", None)
    old = getattr(session.get_adapter(ADDRESSES[0]), "model", None) if session is not None else None
    fresh = connect("course")
    if isinstance(old, CourseModel):
        mount(fresh.session, CourseModel(**vars(old.switches)))
    try:
        yield
    finally:
        client._current = before


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Nothing that runs now shows anything: neither prints nor displays, also from threads."""
    sink: Callable[[], io.StringIO] = _Sink
    here = shell()
    publisher = getattr(here, "display_pub", None)
    with contextlib.redirect_stdout(sink()), contextlib.redirect_stderr(sink()):
        if publisher is not None:
            from IPython.core.displaypub import CapturingDisplayPublisher

            here.display_pub = CapturingDisplayPublisher()
        try:
            yield
        finally:
            if publisher is not None:
                here.display_pub = publisher


class _Sink(io.StringIO):
    def write(self, text: str) -> int:
        return len(text)


def shell() -> Any:
    """IPython's shell where this runs in one, else None; never imports IPython."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
