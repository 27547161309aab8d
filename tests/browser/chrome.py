"""Drive the built site in headless Chromium: open a notebook, run it, read it, click in it.

Nothing outside this machine can be reached: names do not resolve, and each request to another host is noted.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "browser"  # screenshots, kept as artifacts of a run
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Two notebooks run side by side: the one behind must not be slowed down.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
LOCAL = re.compile(r"(http://(127\.0\.0\.1|localhost)[:/]|data:|blob:|about:)")

READY = """async () => {
  const end = Date.now() + 150000;
  const pause = ms => Date.now() < end
    ? new Promise(done => setTimeout(done, ms)) : Promise.reject(new Error('no kernel after 150 s'));
  while (!window.jupyterapp) await pause(20);
  await window.jupyterapp.restored;
  let panel;
  while (!(panel = window.jupyterapp.shell.currentWidget) || !panel.context || !panel.sessionContext) await pause(20);
  await panel.context.ready;
  await panel.sessionContext.ready;
  while (!panel.sessionContext.session?.kernel) await pause(20);
}"""
DONE = """() => {
  const cells = jupyterapp.shell.currentWidget.context.model.cells;
  let all = true;
  for (let i = 0; i < cells.length; i++) {
    const cell = cells.get(i);
    if (cell.type !== 'code' || !cell.sharedModel.getSource().trim()) continue;
    const meant = (cell.getMetadata('tags') || []).includes('raises-exception');
    for (let j = 0; j < cell.outputs.length; j++)
      if (cell.outputs.get(j).type === 'error' && !meant) return true;
    if (cell.executionCount === null) all = false;
  }
  return all;
}"""
RAN = """wanted => {
  const cells = jupyterapp.shell.currentWidget.context.model.cells;
  for (let i = 0; i < cells.length; i++)
    if (cells.get(i).id === wanted) return cells.get(i).executionCount !== null;
}"""
EXECUTE = """async ([code, seconds]) => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, store_history: false});
  const outputs = [];
  future.onIOPub = ({header, content}) => {
    const kind = header.msg_type;
    if (['stream', 'error', 'display_data', 'execute_result'].includes(kind))
      outputs.push({output_type: kind, ...content});
  };
  const late = new Promise(done => setTimeout(() => done(null), seconds * 1000));
  const reply = await Promise.race([future.done, late]);
  return {status: reply ? reply.content.status : 'late', outputs};
}"""


class Window:
    """A browser with a profile of its own. foreign: requests to other hosts. errors: what its console reported."""

    def __init__(self, context: Any, address: str) -> None:
        self.context, self.address = context, address
        self.foreign: list[str] = []
        self.errors: list[str] = []
        context.on("request", lambda request: LOCAL.match(request.url) or self.foreign.append(request.url))
        context.on("console", lambda said: said.type == "error" and self.errors.append(said.text))
        context.on("weberror", lambda said: self.errors.append(str(said.error)))

    def open(self, path: str, app: str = "notebooks", page: Any = None) -> Page:
        """Open a notebook, and wait until it has a kernel."""
        page = page or self.context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{self.address}/{app}/index.html?path={path}")
        page.evaluate(READY)
        return Page(page)


class Page:
    """A tab with an open notebook."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def run(self, code: str, seconds: float = 120) -> str:
        """Run code in the notebook's kernel, beside its cells; what it prints. AssertionError where it fails."""
        found = self.page.evaluate(EXECUTE, [code, seconds])
        said = "".join(output.get("text", "") for output in found["outputs"] if output["output_type"] == "stream")
        assert found["status"] == "ok", f"{found['status']}: {said} {json.dumps(found['outputs'])[-1500:]}"
        return said

    def clear(self) -> None:
        """Take away the outputs and counts that the file brought, so that only this run's are seen."""
        self.command("notebook:clear-all-cell-outputs")

    def start_all(self) -> None:
        """Run all cells; comes back at once."""
        self.page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def is_done(self) -> bool:
        """Whether every cell has run, or one has failed."""
        return bool(self.page.evaluate(DONE))

    def notebook(self) -> dict[str, Any]:
        """The notebook as it stands in the page."""
        found: dict[str, Any] = self.page.evaluate("() => jupyterapp.shell.currentWidget.context.model.toJSON()")
        return found

    def command(self, name: str, **arguments: Any) -> None:
        """Run a command of JupyterLab's, and wait until it is done."""
        self.page.evaluate(
            "([name, given]) => jupyterapp.commands.execute(name, given).then(() => null)", [name, arguments]
        )

    def cell(self, cell_id: str) -> Any:
        """A cell on the page, scrolled to and active."""
        number = self.page.evaluate(
            """async (wanted) => {
              const {content, context} = jupyterapp.shell.currentWidget;
              const cells = context.model.cells;
              for (let i = 0; i < cells.length; i++) if (cells.get(i).id === wanted) {
                content.activeCellIndex = i;
                await content.scrollToItem(i, 'center');
                return i;
              }
              return -1;
            }""",
            cell_id,
        )
        assert number >= 0, f"there is no cell {cell_id}"
        found = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{number}"]')
        found.wait_for()
        return found

    def run_cell(self, cell_id: str) -> Any:
        """Run one cell with Ctrl+Enter; the cell on the page, once it is done."""
        cell = self.cell(cell_id)
        # The file holds a count of another run: it goes, so that the new one is seen.
        self.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCell.model.executionCount = null; }")
        cell.locator(".cm-content").first.click()
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function(RAN, arg=cell_id, polling=50)
        return cell

    def type_into(self, cell_id: str, text: str) -> None:
        """Replace a cell's text, as one would by hand."""
        editor = self.cell(cell_id).locator(".cm-content").first
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Backspace")
        self.page.keyboard.insert_text(text)

    def shot(self, name: str) -> None:
        """Keep a picture of the page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")


def chromium() -> str | None:
    """Where the browser is, or None: what CHROMIUM names, else Debian's."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def window(playwright: Any, address: str) -> Iterator[Window]:
    """A new browser that has never seen any page."""
    with tempfile.TemporaryDirectory(prefix="profile", ignore_cleanup_errors=True) as fresh:
        context = playwright.chromium.launch_persistent_context(
            fresh,
            executable_path=chromium(),
            headless=True,
            args=FLAGS,
            viewport={"width": 1280, "height": 1000},
            accept_downloads=True,
        )
        try:
            yield Window(context, address)
        finally:
            context.close()
