"""What a browser's Python (Pyodide in JupyterLite) needs so that the same code works there as in JupyterLab.

`cai_helpers` calls `prepare` when it is imported in a browser. Measured with Pyodide 314; each part names its reason.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import requests

BROWSER = sys.platform == "emscripten"
DRIVE = Path("/drive")  # where JupyterLite shows the files of the page to Python
AFTER_THE_FIRST_CELL = 1.0  # seconds: reading the folder must not hold up the first answer
NO_STORAGE = (
    "This browser keeps no files for this page: a private window, blocked cookies, or an address without https. What "
    "you write is lost when the page closes, so use File > Download before. A normal window keeps it."
)


def prepare() -> None:
    """Make threads, time-outs, caught errors and outputs work as in JupyterLab. Does nothing outside a browser."""
    if not BROWSER:
        return
    from cai_helpers import browser_threads

    browser_threads.install()
    raise_timeouts()
    shell = ipython_shell()
    if shell is not None and not hasattr(shell, "cai_prepared"):
        shell.cai_prepared = True
        keep_caught_errors_quiet(shell)
        name_errors_as_jupyter_does(shell)
        keep_nulls(shell)
        if browser_threads.can_wait():
            let_callbacks_wait(shell.kernel)
        shell.events.register("post_run_cell", lambda *_: browser_threads.collect_garbage())
        look_at_storage()


def ipython_shell() -> Any:
    """IPython's shell in the kernel; None elsewhere."""
    ipython: Any = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


# --- Time-outs ---


def raise_timeouts() -> None:
    """requests.Timeout where the browser's urllib3 gives a ConnectionError, and both numbers of (connect, read) count.

    That backend knows one time for the whole request, and of a pair it takes the first number only.
    """
    adapter: Any = requests.adapters.HTTPAdapter
    send = adapter.send
    if hasattr(send, "in_browser"):
        return

    def timed(self: Any, request: Any, stream: bool = False, timeout: Any = None, *rest: Any, **more: Any) -> Any:
        try:
            return send(self, request, stream, whole_time(timeout), *rest, **more)
        except requests.ConnectionError as error:
            if not isinstance(error, requests.Timeout) and is_timeout(error):
                raise requests.ReadTimeout(f"No answer within {whole_time(timeout)} s.", request=request) from error
            raise

    timed.in_browser = True  # type: ignore[attr-defined]
    adapter.send = timed


def whole_time(timeout: Any) -> Any:
    """Seconds for the whole request: a pair (connect, read) becomes its sum. None for no limit."""
    if not isinstance(timeout, tuple) or len(timeout) != 2:
        return timeout
    connect, read = timeout
    return None if read is None else read + (connect or 0)


def is_timeout(error: BaseException | None) -> bool:
    """Whether a time-out stands behind this error: among its causes, or as the reason that urllib3 gives."""
    import urllib3.exceptions as kinds

    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, (TimeoutError, kinds.TimeoutError)):
            return True
        waiting += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
    return False


# --- Caught errors ---


def keep_caught_errors_quiet(shell: Any) -> None:
    """A network error that the code catches must not mark the cell as failed (pyodide issue 4912).

    Pyodide shows an error of the browser through sys.excepthook before it raises it. IPython puts its own function
    there for each cell, so that one is wrapped.
    """
    from pyodide.ffi import JsException  # type: ignore[import-not-found]

    show = shell.excepthook

    def quiet(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if not issubclass(kind, JsException):
            show(kind, error, trace)

    shell.excepthook = quiet


def name_errors_as_jupyter_does(shell: Any) -> None:
    """The error in a saved notebook is called "ValueError" then, not "<class 'ValueError'>"."""
    show = shell._showtraceback

    def named(kind: Any, error: Any, lines: Any) -> None:
        show(getattr(kind, "__name__", kind), error, lines)

    shell._showtraceback = named


# --- Widgets ---


def let_callbacks_wait(kernel: Any) -> None:
    """Run a widget's callback as a call that can be set aside, so that it can ask a model, several at once too.

    Pyodide runs it as a plain call of the page, in which nothing can wait. Callbacks keep their order, and a cell
    starts when they are done, as in JupyterLab.
    """
    import asyncio

    from cai_helpers.browser_threads import Lock

    turn, receive, run = Lock(), kernel.comm_manager.comm_msg, kernel.run

    def receive_soon(stream: Any, ident: Any, message: Any) -> None:
        parent = kernel._parent_header  # says which cell's output is meant; the next message changes it

        def call() -> None:
            with turn:
                kernel._parent_header = parent
                receive(stream, ident, message)

        asyncio.get_running_loop().call_soon(call)

    async def run_after(code: str) -> Any:
        parent = kernel._parent_header
        while turn.locked():
            await asyncio.sleep(0.01)
        kernel._parent_header = parent
        return await run(code)

    kernel.comm_manager.comm_msg, kernel.run = receive_soon, run_after


# --- A learner's files ---


def look_at_storage() -> None:
    """Say it where the page keeps no files; tell later of saved notebooks that are older than the course."""
    if not DRIVE.is_dir():
        print(NO_STORAGE)
        return
    import asyncio

    asyncio.get_running_loop().call_later(AFTER_THE_FIRST_CELL, tell_of_older_notebooks)


def tell_of_older_notebooks() -> None:
    """Print which notebooks of this folder were saved from an earlier edition, and what to do."""
    from cai_helpers.learning import work

    note = work.older_note()
    if note:
        print(note)


# --- Outputs ---


def keep_nulls(shell: Any) -> None:
    """None in an output or a widget message arrives as null; else it is lost on its way to the page.

    Pyodide turns None into JavaScript's undefined, and JSON leaves such a value out: a plot gets a frame, for example,
    where its specification says {"stroke": null}.
    """
    from pyodide_kernel.comm import Comm  # type: ignore[import-not-found]

    publisher: Any = shell.display_pub
    hook: Any = shell.displayhook
    publish, write, send = publisher.publish, hook.write_format_data, Comm.publish_msg

    def publish_with_nulls(data: Any, metadata: Any = None, *rest: Any, **more: Any) -> None:
        publish(with_nulls(data), with_nulls(metadata or {}), *rest, **more)

    def write_with_nulls(*rest: Any, **more: Any) -> None:
        write(*rest, **more)
        hook.data = with_nulls(hook.data)

    def send_with_nulls(self: Any, msg_type: str, data: Any = None, *rest: Any, **more: Any) -> None:
        send(self, msg_type, with_nulls(data or {}), *rest, **more)

    publisher.publish, hook.write_format_data, Comm.publish_msg = publish_with_nulls, write_with_nulls, send_with_nulls


def with_nulls(data: Any) -> Any:
    """A copy of nested lists and dicts in which JavaScript's null stands for None."""
    if isinstance(data, dict):
        return {name: with_nulls(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [with_nulls(value) for value in data]
    if data is None:
        from pyodide.ffi import jsnull

        return jsnull
    return data
