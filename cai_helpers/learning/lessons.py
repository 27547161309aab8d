"""Build the lessons: `python -m cai_helpers build-lessons [NAME...] [--check] [--no-run]`.

For each lesson of course.toml whose notebook exists:

1. The generated cells are written from course.toml: `objectives` ("You will", after the first cell if it is
   new), `can-do` ("Now you can") and `footer` (exercises, next lesson, contents; always the last cell). They
   are known by these cell ids; edit course.toml, not the cells.
2. All code cells run from top to bottom in a fresh kernel of this interpreter, in notebooks/, without any key
   or CAI_ variable, so the outputs always come from the course model.
3. The file is written in one normal form, so that two builds on two machines are equal byte by byte.

README's table of chapters is written too.

Normal form: nbformat 4.5, indent 1, one newline at the end; kernelspec python3; language name without a
version; counts from 1; cell metadata reduced to tags, cai and jupyter; no timing and no widget state;
neighbouring pieces of one stream joined. A widget keeps its text/plain (and text/html) forms and loses its
view: the view holds a random model id, which JupyterLab shows as "Error displaying widget" to anyone who opens
the file, while nbval ignores it and code-hosting pages show the text. A traceback is reduced to its last line:
the lines above it hold paths and change with the Python version.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .manifest import (
    Chapter,
    Course,
    CourseError,
    chapters_table,
    find_chapter,
    lesson_can_do,
    lesson_footer,
    lesson_objectives,
    lesson_path,
    load_course,
)

Notebook = dict[str, Any]

CELL_SECONDS = 120
KEPT_METADATA = ("tags", "cai", "jupyter")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
TABLE_MARKS = ("<!-- chapters: made from course.toml -->", "<!-- end of chapters -->")
# Ids that editors make up, not people: eight or more hexadecimal digits.
RANDOM_ID = re.compile(r"(?=[a-z-]*[0-9])[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?|[0-9a-f]{12,}")
GOOD_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class LessonError(CourseError):
    """A lesson cannot be built; the message names the file and the cell."""


def build_lessons(
    names: list[str] | None = None, *, check: bool = False, run: bool = True, root: Path | str | None = None
) -> list[str]:
    """Build the named lessons (default: all that exist) and README's table.

    `check=True` writes nothing; `run=False` keeps the outputs as they are. Returns one line per file that
    differs from its build. Raises LessonError or CourseError with a sentence that says what to do.
    """
    course = load_course(root)
    changed = []
    for chapter in _chosen(course, names or []):
        path = lesson_path(course, chapter)
        started = time.perf_counter()
        before = path.read_text(encoding="utf-8")
        after = built_text(course, chapter, run=run)
        seconds = f" ({time.perf_counter() - started:.1f} s)" if run else ""
        if before == after:
            print(f"{path.name}: as built{seconds}")
            continue
        changed.append(f"{path.name}: {first_difference(before, after)}")
        print(f"{path.name}: {'differs' if check else 'written'}{seconds}")
        if not check:
            write_text(path, after)
    return changed + _build_readme(course, check)


def built_text(course: Course, chapter: Chapter, *, run: bool = True) -> str:
    """The text that the chapter's notebook file must have; the file itself is not touched.

    Raises LessonError when the notebook is broken or, with `run`, when a cell fails.
    """
    path = lesson_path(course, chapter)
    notebook = read_notebook(path)
    check_ids(notebook, path.name)
    fill_generated(notebook, course, chapter)
    if run:
        notebook = execute(notebook, path)
    normalise(notebook)
    return dumps(notebook)


def read_notebook(path: Path) -> Notebook:
    """A notebook as plain dicts, sources as strings. Raises LessonError when it is not nbformat 4."""
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise LessonError(f"{path.name}: there is no such notebook.") from None
    except json.JSONDecodeError as error:
        raise LessonError(f"{path.name} is not valid JSON (line {error.lineno}): {error.msg}.") from None
    if not isinstance(data, dict) or data.get("nbformat") != 4 or not data.get("cells"):
        raise LessonError(f"{path.name} is not a notebook of format 4 with cells.")
    for cell in data["cells"]:
        cell["source"] = joined(cell.get("source", ""))
        cell.setdefault("metadata", {})
    return data


def joined(text: str | list[str]) -> str:
    """Notebook files hold a long text as a string or as a list of lines; here it is always a string."""
    return text if isinstance(text, str) else "".join(text)


def id_problem(cell_id: object) -> str:
    """What is wrong with a cell id ("" when nothing is): learners and tests meet ids, so they are words."""
    if not isinstance(cell_id, str) or not cell_id:
        return "has no id"
    if not GOOD_ID.fullmatch(cell_id):
        return f"has the id {cell_id!r}; use small letters, digits and hyphens, at most 64"
    if RANDOM_ID.fullmatch(cell_id):
        return f"has the random id {cell_id!r}; give it words, such as 'first-call'"
    return ""


def check_ids(notebook: Notebook, name: str) -> None:
    """Raise LessonError unless every cell has its own hand-given id."""
    seen: set[str] = set()
    for place, cell in enumerate(notebook["cells"], 1):
        problem = id_problem(cell.get("id"))
        if not problem and cell["id"] in seen:
            problem = f"has the id {cell['id']!r} of an earlier cell; ids are unique"
        if problem:
            start = cell["source"].strip().splitlines()[:1]
            raise LessonError(f"{name}, cell {place} ({''.join(start)[:40]!r}) {problem}.")
        seen.add(cell["id"])


def fill_generated(notebook: Notebook, course: Course, chapter: Chapter) -> None:
    """Write the cells `objectives`, `can-do` and `footer`; a missing one is added, the footer goes last."""
    cells = notebook["cells"]
    footer = _take(cells, "footer")
    if not _find(cells, "objectives"):
        cells.insert(1, _markdown("objectives"))
    if not _find(cells, "can-do"):
        cells.append(_markdown("can-do"))
    cells.append(footer)
    texts = {
        "objectives": lesson_objectives(chapter),
        "can-do": lesson_can_do(chapter),
        "footer": lesson_footer(course, chapter),
    }
    for cell_id, text in texts.items():
        cell = _find(cells, cell_id)
        cell.clear()
        cell.update(_markdown(cell_id), source=text)


def execute(notebook: Notebook, path: Path) -> Notebook:
    """Run every code cell in a fresh kernel of this interpreter; returns a new notebook with its outputs.

    A cell tagged raises-exception may fail, any other failure raises LessonError. A cell gets CELL_SECONDS.
    """
    nbformat, NotebookClient, CellExecutionError, DeadKernelError, kernel_manager = _machinery()
    node = nbformat.from_dict({**notebook, "nbformat": 4, "nbformat_minor": 5})
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        node,
        km=kernel_manager,
        timeout=CELL_SECONDS,
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        # A kernel says on its own stderr that it listens on TCP: no news to an author.
        client.execute(env=clean_environment(os.environ), stderr=subprocess.DEVNULL)
    except CellExecutionError as error:
        cell_id = _failed_cell(node)
        raise LessonError(f"{path.name}, cell {cell_id!r} fails: {error.ename}: {error.evalue}") from None
    except DeadKernelError:
        raise LessonError(f"{path.name}: the kernel died while a cell ran.") from None
    except TimeoutError:
        raise LessonError(f"{path.name}: a cell did not end within {CELL_SECONDS} seconds.") from None
    result: Notebook = json.loads(nbformat.writes(node))
    for cell in result["cells"]:
        cell["source"] = joined(cell["source"])
    return result


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for kernels: no key and no CAI_ variable, so that no live model can answer a lesson, and the
    folder of this very package first, whatever other checkout is installed.
    """
    clean = {
        name: value
        for name, value in environment.items()
        if not name.startswith("CAI_") and not name.endswith("_API_KEY")
    }
    folder = str(Path(__file__).resolve().parents[2])
    others = [part for part in clean.get("PYTHONPATH", "").split(os.pathsep) if part not in ("", folder)]
    return {**clean, "PYTHONPATH": os.pathsep.join([folder, *others])}


def normalise(notebook: Notebook) -> None:
    """Bring the notebook into the normal form (see the top of this file), in place."""
    kept = {"cai": notebook["metadata"]["cai"]} if "cai" in notebook.get("metadata", {}) else {}
    notebook["metadata"] = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE, **kept}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    count = 0
    for cell in notebook["cells"]:
        found = cell["metadata"]
        cell["metadata"] = {name: found[name] for name in KEPT_METADATA if found.get(name)}
        cell["source"] = cell["source"].strip("\n")
        if cell["cell_type"] != "code":
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
            continue
        was_run = cell.get("execution_count") is not None
        count += was_run
        cell["execution_count"] = count if was_run else None
        cell["outputs"] = normal_outputs(cell.get("outputs", []), cell["execution_count"])


def normal_outputs(outputs: list[dict[str, Any]], count: int | None) -> list[dict[str, Any]]:
    """Outputs without anything that changes from run to run; neighbouring pieces of one stream become one."""
    normal: list[dict[str, Any]] = []
    for output in outputs:
        output = dict(output)
        if output["output_type"] == "stream":
            text = joined(output["text"])
            if normal and normal[-1].get("name") == output["name"]:
                normal[-1]["text"] += text
                continue
            output["text"] = text
        elif output["output_type"] == "error":
            output["traceback"] = [f"{output['ename']}: {output['evalue']}"]
        else:
            output["data"] = {kind: data for kind, data in output["data"].items() if kind != WIDGET_VIEW}
            if output["output_type"] == "execute_result":
                output["execution_count"] = count
        normal.append(output)
    return normal


def dumps(notebook: Notebook) -> str:
    """The notebook as the text of an .ipynb file; texts become lists of lines, which diffs show well."""
    copy = json.loads(json.dumps(notebook))
    for cell in copy["cells"]:
        cell["source"] = _lines(cell["source"])
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = _lines(joined(output["text"]))
            for kind, data in output.get("data", {}).items():
                if kind.startswith("text/") or kind == "image/svg+xml":
                    output["data"][kind] = _lines(joined(data))
    return json.dumps(copy, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def first_difference(before: str, after: str) -> str:
    """One line that shows where two texts first differ, for a message."""
    old, new = before.splitlines(), after.splitlines()
    for tag, start, end, first, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            return f"line {start + 1}: {_short(old[start:end])} -> {_short(new[first:last])}"
    return "the end of the file differs"


def filled_readme(course: Course) -> str:
    """README.md with its table of chapters made anew. Raises CourseError when the marks are missing."""
    path = Path(course["root"]) / "README.md"
    if not path.is_file():
        raise CourseError(f"There is no README.md in {path.parent}.")
    text = path.read_text(encoding="utf-8")
    start, end = (text.find(mark) for mark in TABLE_MARKS)
    if not 0 <= start < end:
        raise CourseError(f"README.md: put the table of chapters between {' and '.join(TABLE_MARKS)}.")
    head, tail = text[: start + len(TABLE_MARKS[0])], text[end:]
    return f"{head}\n\n{chapters_table(course)}\n\n{tail}"


def _build_readme(course: Course, check: bool) -> list[str]:
    path = Path(course["root"]) / "README.md"
    before, after = path.read_text(encoding="utf-8"), filled_readme(course)
    if before == after:
        return []
    if not check:
        write_text(path, after)
    return [f"README.md: {first_difference(before, after)}"]


def _chosen(course: Course, names: list[str]) -> list[Chapter]:
    folder = Path(course["root"]) / "notebooks"
    known = {chapter["name"] for chapter in course["chapters"]}
    strangers = sorted(path.name for path in folder.glob("*.ipynb") if path.stem not in known)
    if strangers:
        raise LessonError(f"notebooks/{strangers[0]} is not in course.toml: add its chapter, or rename it.")
    if not names:
        return [chapter for chapter in course["chapters"] if chapter["status"] == "ready"]
    chosen = [find_chapter(course, name) for name in names]
    for chapter in chosen:
        if chapter["status"] != "ready":
            raise LessonError(f"There is no notebooks/{chapter['name']}.ipynb yet: write it first.")
    return chosen


def _machinery() -> tuple[Any, Any, Any, Any, Any]:
    """nbformat, three names of nbclient, and a manager whose kernel is this interpreter."""
    # jsonschema builds a grammar of this optional package at import, which takes a second: do without it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    try:
        import nbformat
        from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as error:
        raise CourseError(
            f"{error.name} is missing: run python -m pip install -r requirements-dev.txt first."
        ) from None

    class ThisInterpreter(KernelSpecManager):
        """An author's own python3 kernel may run other packages: always take this interpreter."""

        def get_kernel_spec(self, kernel_name: str) -> Any:
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=argv, display_name="Python 3", language="python")

    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisInterpreter())
    return nbformat, NotebookClient, CellExecutionError, DeadKernelError, manager


def _failed_cell(node: Any) -> str:
    for cell in reversed(node.cells):
        if any(output["output_type"] == "error" for output in cell.get("outputs", [])):
            return str(cell["id"])
    return "?"


def _find(cells: list[dict[str, Any]], cell_id: str) -> dict[str, Any]:
    return next((cell for cell in cells if cell.get("id") == cell_id), {})


def _take(cells: list[dict[str, Any]], cell_id: str) -> dict[str, Any]:
    """Remove the cell with this id and return it, or a new one."""
    cell = _find(cells, cell_id)
    if cell:
        cells.remove(cell)
    return cell or _markdown(cell_id)


def _markdown(cell_id: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": ""}


def _lines(text: str) -> list[str]:
    """Split after each "\\n" only: other line separators belong to the text."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _short(lines: list[str]) -> str:
    text = lines[0].strip() if lines else ""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def write_text(path: Path, text: str) -> None:
    """Write a text file with plain line ends, the same bytes on every system."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
