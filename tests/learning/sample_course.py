"""A small real exercise notebook in the source format, for tests: two exercises, written by nbformat.

`write_sample(root)` makes root/solutions/90_sample.ipynb and its JSON twin. Tests write it to a temporary folder, so
that no notebook that must fail lies where pytest collects notebooks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cai_helpers.connection import COURSE_BADGE
from cai_helpers.learning import exercises
from cai_helpers.learning.reader import read_solutions

NAME = "90_sample"

SETUP = "from cai_helpers import connect\nfrom cai_helpers.learning import check, hint, progress, solution\n\nconnect()"

PASSES_ANSWER = '''# ANSWER 90.1
def passes(reply):
    """True only when the critic's reply says NOT VIOLATED."""
    ### SOLUTION
    ### STARTER ...  # your code
    words = reply.strip().upper()
    return words.startswith("NOT VIOLATED")
    ### END SOLUTION'''

VERDICTS_GIVEN = '''replies = {"a": "VIOLATED", "b": "NOT VIOLATED", "c": "Hard to say."}


def ask(name):
    """A stand-in for a critic."""
    return replies[name]'''

VERDICTS_ANSWER = """# ANSWER 90.2
def failing(names):
    result = []
    ### SOLUTION
    for name in names:
        if ask(name) != "NOT VIOLATED":
            result.append(name)
    ### END SOLUTION
    return result"""

FRESH_STAND_IN = """from cai_helpers.learning.checking import replaced as _replaced

with _replaced(globals(), ask=lambda name: "VIOLATED"):
    _all = failing(("x", "y"))
list(_all)"""

EXERCISES: list[dict[str, Any]] = [
    {
        "task": {
            "exercise": "90.1",
            "title": "Read a verdict",
            "difficulty": 1,
            "minutes": 5,
            "xp": 10,
            "hints": [
                "What does an unclear reply say?",
                "Look at the first words only.",
                'Return reply.strip().upper().startswith("NOT VIOLATED").',
            ],
            "explanation": "Only a clear NOT VIOLATED passes: everything else fails closed.",
            "mistakes": [
                {
                    "name": "any-mention",
                    "test": 'bool(passes("I cannot tell whether it is NOT VIOLATED."))',
                    "say": "A reply that only mentions the words is not a verdict: look at how it begins.",
                }
            ],
        },
        "text": "Write `passes(reply)`: True when the reply begins with NOT VIOLATED, else False.",
        "answer": PASSES_ANSWER,
        "checks": [
            ("check1", 'passes("NOT VIOLATED") is True', "True", "A clear pass is read.", "NOT VIOLATED must pass."),
            ("check2", 'passes("VIOLATED") is False', "True", "A violation is read.", "VIOLATED must not pass."),
            (
                "hidden1",
                'passes("It may be NOT VIOLATED, or not.") is False',
                "True",
                "Fails closed.",
                "An unclear reply must not pass.",
            ),
            ("hidden2", 'bool(passes("  not violated.\\n"))', "True", "Reads any case.", "Small letters count too."),
        ],
    },
    {
        "task": {
            "exercise": "90.2",
            "title": "Keep the order",
            "difficulty": 2,
            "minutes": 10,
            "xp": 20,
            "hints": [
                "Ask once for each name.",
                "Append a name when its reply is not NOT VIOLATED.",
                'if ask(name) != "NOT VIOLATED": result.append(name)',
            ],
            "explanation": "The names stand in the order in which they were given.",
            "mistakes": [
                {
                    "name": "sorted-result",
                    "test": 'failing(["c", "a"]) == ["a", "c"]',
                    "say": "The result is sorted: keep the order of the names.",
                },
                {
                    "name": "unclear-passes",
                    "test": 'failing(["c"]) == []',
                    "say": "An unclear reply counts as failing.",
                },
            ],
        },
        "text": "Write `failing(names)`: the names whose reply is not NOT VIOLATED, in the order given.",
        "given": VERDICTS_GIVEN,
        "answer": VERDICTS_ANSWER,
        "checks": [
            ("check1", 'failing(["a", "b"])', "['a']", "The violation is found.", "Only 'a' fails here."),
            ("check2", 'failing(["c", "b"])', "['c']", "Unclear fails.", "An unclear reply must count as failing."),
            ("hidden1", 'failing(["c", "b", "a"])', "['c', 'a']", "Order is kept.", "Keep the order of the names."),
            (
                "hidden2",
                FRESH_STAND_IN,
                "['x', 'y']",
                "It asks anew.",
                "Call ask(name) for every name.",
            ),
        ],
    },
]


def sample_notebook() -> nbformat.NotebookNode:
    """The solutions notebook, with outputs as a run records them."""
    title = new_markdown_cell("# 90 · Exercises: a sample\n\nTwo small exercises.", id="title")
    cells = [title, _code("90.setup", "given", SETUP, COURSE_BADGE)]
    for exercise in EXERCISES:
        number = exercise["task"]["exercise"]
        text = f"## {number} {exercise['task']['title']}\n\n{exercise['text']}"
        facts = {"key": f"{number}.task", "role": "task", **exercise["task"]}
        cells.append(new_markdown_cell(text, id=f"{number}.task".replace(".", "-"), metadata={"cai": facts}))
        if "given" in exercise:
            cells.append(_code(f"{number}.given", "given", exercise["given"]))
        cells.append(_code(f"{number}.answer", "answer", exercise["answer"]))
        for name, source, value, passes, fails in exercise["checks"]:
            cells.append(_code(f"{number}.{name}", name.rstrip("12"), source, value, **{"pass": passes, "fail": fails}))
    for count, cell in enumerate([cell for cell in cells if cell.cell_type == "code"], 1):
        cell.execution_count = count
        for output in cell.outputs:
            output.execution_count = count
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def write_sample(root: Path) -> Path:
    """Write the notebook and its JSON twin below `root`; gives the notebook's path."""
    path = root / "solutions" / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(sample_notebook(), path)
    folder = exercises.data_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{NAME}.json").write_text(exercises.to_json(read_solutions(path)), "utf-8")
    return path


def _code(key: str, role: str, source: str, value: str = "", **facts: str) -> nbformat.NotebookNode:
    outputs = [new_output("execute_result", {"text/plain": value}, execution_count=1)] if value else []
    metadata = {"cai": {"key": key, "role": role, **facts}}
    return new_code_cell(source, id=key.replace(".", "-"), metadata=metadata, outputs=outputs, execution_count=1)
