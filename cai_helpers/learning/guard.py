"""The grader's side in the kernel: runs before the learner's code, then runs the checks out of its reach.

The first cell of a graded notebook calls `arm(plan)`. It leaves three functions in `builtins`, named with a mark that
is drawn for each run: `_cai_<mark>_given_<n>()` behind set-up and given cells, `_cai_<mark>_run_<n>()` in place of
each check. A check runs in the same sandbox as the instant check; its value is sent under a type of output of its own,
`application/x-cai-<mark>`, the only one that the grader lets nbval compare. So nothing that an answer prints, displays
or warns can change a verdict.

The course's own modules are loaded a second time for this, under no name in sys.modules: a learner who patches
`cai_helpers.learning` patches another copy. Code in the same process can always find a way: this is a teaching aid,
not an examination system.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

PRIVATE = ("limits", "shelter", "sandbox", "honest", "guard")
PACKAGE = "cai_helpers.learning"


def mime(mark: str) -> str:
    """The type of output that holds a check's value."""
    return f"application/x-cai-{mark}"


def arm(plan: dict[str, Any]) -> None:
    """Make this kernel ready. plan: mark, seconds (per check), memory and file_size (bytes, 0: no limit), given and
    runs: lists of {"names": ...} and {"exercise", "role", "source", "names", "free", "shadows"}.
    """
    importlib.import_module(PACKAGE)
    with _second_copy():
        private = importlib.import_module(f"{PACKAGE}.guard")
        private.Guard(plan).start()


@contextlib.contextmanager
def _second_copy() -> Iterator[None]:
    """Inside, importing the private modules makes new copies; afterwards nobody finds these by name."""
    package = sys.modules[PACKAGE]
    names = {name: f"{PACKAGE}.{name}" for name in PRIVATE}
    modules = {full: sys.modules.pop(full) for full in names.values() if full in sys.modules}
    attributes = {name: vars(package).get(name) for name in names}
    try:
        yield
    finally:
        for name, full in names.items():
            sys.modules.pop(full, None)
            if attributes[name] is None:
                vars(package).pop(name, None)
            else:
                setattr(package, name, attributes[name])
        sys.modules.update(modules)


class Guard:
    """Keeps what it needs before the learner's code runs."""

    def __init__(self, plan: dict[str, Any]):
        from IPython import get_ipython

        from . import honest, sandbox

        self.plan, self.mark = plan, plan["mark"]
        self.shell: Any = get_ipython()
        self.names: dict[str, Any] = self.shell.user_ns
        self.sandbox, self.honest, self.TooLong = sandbox.Sandbox, honest, sandbox.TooLong
        self.publisher: Any = self.shell.display_pub
        self.parent: Callable[[], Any] = self.shell.get_parent
        self.originals = honest.Originals(self.names)
        self.builtins: dict[str, Any] = {}
        self.ended: set[tuple[str, str]] = set()  # exercises with a check, or a mistake's test, that did not end
        self.sources = [honest.wrapped(run["source"], run["names"]) for run in plan["runs"]]

    def start(self) -> None:
        """Put the limits, the quiet streams and the functions in place."""
        _limit(self.plan["memory"], self.plan["file_size"])
        self._quiet()
        ours = vars(builtins)
        for place in range(len(self.plan["given"])):
            ours[f"_cai_{self.mark}_given_{place}"] = _later(self.keep, place)
        for place in range(len(self.plan["runs"])):
            ours[f"_cai_{self.mark}_run_{place}"] = _later(self.run, place)
        self.builtins = dict(ours)

    def keep(self, place: int) -> None:
        """Note what the given cell above has defined."""
        self.originals.keep_names(self.plan["given"][place]["names"])
        self.originals.keep_library()

    def run(self, place: int) -> None:
        """Run a check, or the test of a mistake, and publish its value."""
        row = self.plan["runs"][place]
        group = (row["exercise"], row["role"])
        if group in self.ended:
            return self._show({"late": True})
        signal_before = signal.getsignal(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None
        trace_before = sys.gettrace()
        sys.settrace(None)
        try:
            with self.sandbox(self.names, row["shadows"]) as box, self.originals.restored(row["free"]):
                self.names[self.honest.WRAP] = self.honest.honest
                found = box.run(self.sources[place], self.plan["seconds"])
        except self.TooLong:
            found = None
        finally:
            sys.settrace(trace_before)
            self._tidy()
            if signal_before is not None:
                signal.signal(signal.SIGALRM, signal_before)
        if found is None or found.late:
            self.ended.add(group)
            return self._show({"late": True})
        return self._show({"error": found.error, "missing": found.missing}, found.value)

    def _tidy(self) -> None:
        """What an answer did to the interpreter ends with its exercise's checks: the next one starts clean."""
        kept = {"display", "get_ipython", "input", "_"}  # the kernel changes these itself
        vars(builtins).update({name: value for name, value in self.builtins.items() if name not in kept})
        self.shell.ast_transformers.clear()
        self.shell.input_transformers_post.clear()
        self.shell.ast_node_interactivity = "last_expr"

    def _show(self, note: dict[str, Any], value: str = "") -> None:
        data: dict[str, Any] = {f"{mime(self.mark)}-note+json": note}
        if value and not note.get("error"):
            data[mime(self.mark)] = value
        self.publisher.set_parent(self.parent())
        self.publisher.publish(data)

    def _quiet(self) -> None:
        """What the learner's cells show is of no use here, and may be 50 MB: it goes nowhere."""
        null = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = null  # type: ignore[misc]
        publisher = type(self.shell.display_pub)
        silent = type("Silent", (publisher,), {"publish": _nothing, "clear_output": _nothing})
        self.shell.display_pub = silent(shell=self.shell, parent=self.shell)
        self.shell.ask_exit = _nothing  # the kernel stays, whatever is asked for
        for name in ("exit", "quit"):
            self.names.pop(name, None)
            setattr(builtins, name, _nothing)
        threading.excepthook = _nothing
        learning = sys.modules[PACKAGE]
        for name in ("check", "hint", "solution", "progress"):  # nothing to ask here, and no file to write
            setattr(learning, name, _nothing)


def _later(function: Callable[[int], None], place: int) -> Callable[[], None]:
    def call() -> None:
        function(place)

    return call


def _nothing(*values: Any, **named: Any) -> None:
    """In place of what must not happen while grading."""


def _limit(memory: int, file_size: int) -> None:
    """Limits of this process where the system has them: address space beyond today's, and the size of one file."""
    try:
        import resource
    except ImportError:  # Windows
        return
    if memory and sys.platform.startswith("linux"):
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * resource.getpagesize()
        _lower(resource.RLIMIT_AS, used + memory)
    if file_size:
        _lower(resource.RLIMIT_FSIZE, file_size)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))
