"""Every notebook keeps the rules of tests/notebook_rules.py; every rule is seen to fail on a bad notebook.

That the outputs are right is not tested here: `python -m pytest` runs every lesson with nbval, which compares
each output with the committed one. That this comparison really fails is tested at the end of this file.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cai_helpers.learning import lessons, manifest
from tests import notebook_rules
from tests.conftest import ROOT
from tests.notebook_rules import RULES_OF_FOLDER, Page, Rule

FOUND = [
    (path, rule)
    for folder, rules in RULES_OF_FOLDER.items()
    for path in sorted((ROOT / folder).glob("*.ipynb"))
    for rule in rules
]
ALL_RULES = {rule for rules in RULES_OF_FOLDER.values() for rule in rules}


@pytest.mark.parametrize(("path", "rule"), FOUND, ids=[f"{p.parent.name}/{p.stem}-{r.__name__}" for p, r in FOUND])
def test_notebook_keeps_the_rule(path: Path, rule: Rule) -> None:
    problems = rule(Page.of(path))
    assert not problems, f"{path.name}, {rule.__name__}:\n  " + "\n  ".join(problems)


def test_there_are_lessons() -> None:
    assert {path.parent.name for path, _ in FOUND} >= {"notebooks"}


def test_every_lesson_is_in_the_manifest() -> None:
    known = {chapter["name"] for chapter in manifest.load_course(ROOT)["chapters"]}
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} <= known


# A good notebook, and for each rule the changes that must make it fail.


def markdown(cell_id: str, source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": cell_id, "metadata": {}, "source": source}


def code(cell_id: str, source: str, count: int | None, *outputs: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": cell_id,
        "metadata": extra,
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
    }


def stdout(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": dict(data), "metadata": {}}


def failure(name: str = "ValueError", message: str = "bad") -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": message, "traceback": [f"{name}: {message}"]}


GOOD: dict[str, Any] = {
    "cells": [
        markdown("title", "# The client\n\nOne call. Then its errors.\n\n`[x](here)` is code."),
        markdown("recap", "## Recap\n\n- one\n- two\n- three"),
        code("badge", "print('course-model-1')", 1, stdout("course-model-1\n")),
        markdown(
            "look",
            "### Look\n\n![A box with an arrow to a second box](boxes.svg)\n\n"
            "[The `client` module](../README.md#top) and [the format](https://example.org/format).\n\n"
            "```python\n# Simply a comment in a block\n![](x.png)\n```",
        ),
        code("fails", "int('x')", 2, failure(), tags=["raises-exception"]),
        code("builds-it", "\n".join(f"x{n} = {n}" for n in range(15)), 3, tags=["builds"]),
        code("ids", "MODEL = 'claude-haiku-5-5'", 4, stdout("gpt-6-luna\n"), tags=["model-ids"]),
        code("picture", "draw()", 5, shown(**{"image/svg+xml": "<svg/>", "text/plain": "three bars: 1, 2, 3"})),
        code(
            "html",
            "table()",
            6,
            shown(**{"text/html": "<img src='a.png' alt='two boxes'>", "text/plain": "x"}),
        ),
        code("url", "print('https://api.example.org/v1/messages')", 7, stdout("/v1/messages 0x1f\n")),
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}

Change = Callable[[dict[str, Any]], None]


def source(cell_id: str, text: str, *, add: bool = True) -> Change:
    """A change of one cell's source: `text` is put behind it, or instead of it."""

    def change(notebook: dict[str, Any]) -> None:
        cell = cell_of(notebook, cell_id)
        cell["source"] = f"{cell['source']}\n{text}" if add else text

    return change


def output(cell_id: str, *outputs: dict[str, Any]) -> Change:
    return lambda notebook: cell_of(notebook, cell_id).update(outputs=list(outputs))


def tag(cell_id: str, *names: str) -> Change:
    return lambda notebook: cell_of(notebook, cell_id).update(metadata={"tags": list(names)})


def field(cell_id: str, **values: Any) -> Change:
    return lambda notebook: cell_of(notebook, cell_id).update(values)


def metadata(**values: Any) -> Change:
    return lambda notebook: notebook["metadata"].update(values)


def cell_of(notebook: dict[str, Any], cell_id: str) -> dict[str, Any]:
    return next(cell for cell in notebook["cells"] if cell["id"] == cell_id)


def drop(cell_id: str) -> Change:
    return lambda notebook: notebook["cells"].remove(cell_of(notebook, cell_id))


BAD: dict[str, list[Change]] = {
    "one_h1_in_the_first_cell": [
        source("look", "# Second title"),
        source("look", "Second title\n====="),
        source("look", "<h1>Second</h1>"),
        source("title", "no heading", add=False),
        source("title", "# Two titles"),
    ],
    "no_skipped_heading_level": [source("title", "### Deep"), source("can-do", "#### Deeper")],
    "images_have_alt_text": [
        source("look", "![](boxes.svg)"),
        source("look", "![boxes.svg](boxes.svg)"),
        source("look", "![boxes](boxes.svg)"),
        source("look", "<img src='boxes.svg'>"),
        output("html", shown(**{"text/html": "<img src='a.png' alt=''>", "text/plain": "x"})),
        output("picture", shown(**{"image/png": "aGk=", "text/plain": "<Figure size 640x480 with 1 Axes>"})),
        output("picture", shown(**{"application/vnd.vegalite.v5+json": "{}", "text/plain": "<VegaLite object>"})),
    ],
    "links_say_where_they_lead": [
        source("look", "See [here](../README.md)."),
        source("look", "[Click **here**](../README.md)"),
        source("look", "[https://example.org](https://example.org)"),
        source("look", "<a href='https://example.org'>this link</a>"),
    ],
    "relative_links_exist": [
        source("look", "[The ninth lesson](99_none.ipynb)"),
        source("look", "![Two boxes](missing.svg)"),
    ],
    "no_error_outputs": [output("badge", failure()), tag("fails", "other")],
    "no_stderr": [output("badge", stdout("course-model-1 warns\n", name="stderr"))],
    "no_switched_off_comparison": [
        source("badge", "# NBVAL_IGNORE_OUTPUT"),
        tag("badge", "nbval-ignore-output"),
        tag("badge", "skip-execution"),
    ],
    "no_key": [
        source("badge", "key = 'sk-ant-api03-" + "a" * 20 + "'"),
        output("badge", stdout("course-model-1 Authorization: Bearer " + "b" * 24)),
        metadata(cai={"typed": "sk-" + "c" * 24}),
    ],
    "outputs_name_no_machine": [
        output("url", stdout("/ho" + "me/somebody/course\n")),
        output("url", stdout("C:\\Users\\somebody\n")),
        output("url", stdout("<object at 0x7f3a2b1c4d50>\n")),
        output("url", stdout("http://127.0.0.1:54321\n")),
        output("fails", failure(message="no file '/tm" + "p/x/y'")),
        output("html", shown(**{"text/html": "<b>/us" + "r/lib/python</b>", "text/plain": "x"})),
    ],
    "ids_are_words": [
        field("look", id="8f3c1a2b"),
        field("look", id="8f3c1a2b-0d1e-4f5a-8b9c-0123456789ab"),
        field("look", id="Look_At"),
        field("look", id="badge"),
    ],
    "kernel_is_python3": [
        metadata(kernelspec={"name": "my-env"}),
        lambda nb: nb["metadata"].pop("kernelspec"),
    ],
    "no_widget_state": [
        metadata(widgets={"state": {}}),
        output("html", shown(**{lessons.WIDGET_VIEW: "{}", "text/plain": "IntSlider(value=3)"})),
    ],
    "no_belittling_words": [
        source("look", "You simply call it."),
        source("look", "Obviously so."),
        source("look", "It is easy. Note that it runs."),
        source("badge", "x = 1  # just one"),
    ],
    "no_live_model_id": [
        tag("ids", "other"),
        source("look", "Use claude-sonnet-4-20250514."),
        output("url", stdout("gpt-6-luna\n")),
        source("badge", "model = 'llama3.2:3b'"),
    ],
    "every_code_cell_was_run_in_order": [
        field("badge", execution_count=None),
        field("badge", execution_count=7),
        field("url", execution_count=1),
    ],
    "cells_are_short": [
        source("badge", "\n".join("pass" for _ in range(15))),
        source("builds-it", "pass"),
        lambda nb: (
            [
                cell.update(source="\n".join("pass" for _ in range(7)))
                for cell in nb["cells"]
                if cell["cell_type"] == "code"
            ]
            and None
        ),
    ],
    "recap_has_three_lines": [
        drop("recap"),
        source("recap", "- four"),
        source("recap", "## Recap\n\n- one\n\n## Next\n\n- two\n- three", add=False),
    ],
    "badge_at_the_top": [output("badge", stdout("claude\n")), drop("badge")],
    "generated_parts_are_fresh": [
        source("objectives", "- one more"),
        source("can-do", "- one more"),
        source("footer", "- one more"),
        drop("can-do"),
        lambda nb: nb["cells"].append(nb["cells"].pop(0)),
        metadata(language_info={"name": "python", "version": "3.11.7"}),
        field("look", metadata={"collapsed": False}),
    ],
}


@pytest.fixture
def good(small_course: Path) -> dict[str, Any]:
    """The good notebook in its normal form, as a dict; its course lies in `small_course`."""
    (small_course / "notebooks" / "boxes.svg").write_text("<svg/>", "utf-8")
    path = small_course / "notebooks" / "01_client.ipynb"
    path.write_text(json.dumps(GOOD), "utf-8")
    lessons.build_lessons(run=False, root=small_course)
    return lessons.read_notebook(path)


def page_of(notebook: dict[str, Any], folder: Path) -> Page:
    path = folder / "notebooks" / "01_client.ipynb"
    path.write_text(lessons.dumps(notebook), "utf-8")
    return Page.of(path)


def test_good_notebook_keeps_every_rule(good: dict[str, Any], small_course: Path) -> None:
    page = page_of(good, small_course)
    assert {rule.__name__: rule(page) for rule in ALL_RULES} == {rule.__name__: [] for rule in ALL_RULES}


def test_every_rule_has_a_bad_notebook() -> None:
    assert set(BAD) == {rule.__name__ for rule in ALL_RULES}


@pytest.mark.parametrize(
    ("name", "change"),
    [pytest.param(name, change, id=f"{name}-{n}") for name, changes in BAD.items() for n, change in enumerate(changes)],
)
def test_rule_fails_on_a_bad_notebook(
    name: str, change: Change, good: dict[str, Any], small_course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = copy.deepcopy(good)
    change(notebook)
    assert notebook != good
    if name == "ids_are_words":  # nothing is built from a notebook whose ids are wrong
        with pytest.raises(lessons.LessonError):
            lessons.check_ids(notebook, "01_client.ipynb")
    assert getattr(notebook_rules, name)(page_of(notebook, small_course))


def test_host_name_of_this_machine_is_found(
    good: dict[str, Any], small_course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook_rules.socket, "gethostname", lambda: "lab-seven.example.org")
    output("url", stdout("served by lab-seven\n"))(good)
    assert notebook_rules.outputs_name_no_machine(page_of(good, small_course))


def test_pytest_compares_the_outputs_of_notebooks(tmp_path: Path) -> None:
    """The project's own settings, on one right and one wrong committed output."""
    cells = [code("one", "print(1)", 1, stdout("1\n")), code("two", "print(2)", 2, stdout("3\n"))]
    kernel = {"kernelspec": lessons.KERNELSPEC, "language_info": lessons.LANGUAGE}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    (tmp_path / "wrong.ipynb").write_text(lessons.dumps(notebook), "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "wrong.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
