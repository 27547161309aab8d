"""What learners hand in: notebooks made from the sample exercise, right, wrong, odd, hostile and broken.

Each case is (file name, content, verdict on 90.1, verdict on 90.2); the verdicts are what a fair teacher would give who
restarts the kernel and runs the course's own cells around the learner's answers.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

from cai_helpers.learning.exercises import Sheet

Notebook = dict[str, Any]
Case = tuple[str, Notebook, str, str]

RIGHT = {
    "90.1": '# ANSWER 90.1\ndef passes(reply):\n    return reply.strip().upper().startswith("NOT VIOLATED")',
    "90.2": '# ANSWER 90.2\ndef failing(names):\n    return [name for name in names if ask(name) != "NOT VIOLATED"]',
}
WRONG_1 = '# ANSWER 90.1\ndef passes(reply):\n    return "NOT VIOLATED" in reply.upper()'
FLAT_1 = "# ANSWER 90.1\ndef passes(reply):\n    return False"
C, N, S = "correct", "not yet", "not started"


def code(source: str, key: str = "", role: str = "answer", **extra: Any) -> dict[str, Any]:
    """A code cell as an editor saves it; without a key it is the learner's own."""
    metadata: dict[str, Any] = {"cai": {"key": key, "role": role}} if key else {}
    return {
        "cell_type": "code",
        "id": key.replace(".", "-") or "a1b2c3d4",
        "metadata": metadata,
        "source": source,
        "execution_count": 1,
        "outputs": [],
        **extra,
    }


def exercise_notebook(sheet: Sheet, answers: dict[str, str] | None = None) -> Notebook:
    """The notebook that learners get, with some answers written in."""
    answers = answers or {}
    cells = [markdown(sheet.intro, "title"), code(sheet.setup.source, sheet.setup.key, "given")]
    for exercise in sheet.exercises:
        cells.append(markdown(exercise.task, f"{exercise.id}.task"))
        cells += [code(part.source, part.key, "given") for part in exercise.given]
        cells.append(code(answers.get(exercise.id, exercise.starter), exercise.answer.key))
        cells += [code(part.source, part.key, "check") for part in exercise.checks if part.role == "check"]
        cells.append(code(f'check("{exercise.id}")  # hint("{exercise.id}") helps', f"{exercise.id}.ask", "given"))
    cells.append(code("progress()", f"{sheet.number}.progress", "given"))
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def markdown(source: str, key: str) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "id": key.replace(".", "-"),
        "metadata": {"cai": {"key": key, "role": "task"}} if "." in key else {},
        "source": source,
    }


def place(notebook: Notebook, key: str) -> int:
    """Where the first cell with this key stands."""
    return next(i for i, cell in enumerate(notebook["cells"]) if cell["metadata"].get("cai", {}).get("key") == key)


def bare(notebook: Notebook, ids: bool = True, metadata: bool = True, markers: bool = False) -> Notebook:
    """Without ids, metadata or marker lines."""
    for cell in notebook["cells"]:
        if ids:
            cell.pop("id", None)
        if metadata:
            cell["metadata"] = {}
        if markers:
            lines = cell["source"].split("\n")
            cell["source"] = "\n".join(line for line in lines if not line.startswith("# ANSWER"))
    return notebook


def right_cases(sheet: Sheet) -> list[Case]:
    """Right answers, in every form that editors and learners give them."""
    cases: list[Case] = []

    def add(name: str, change: Callable[[Notebook], Notebook | None], first: str = C, second: str = C) -> None:
        notebook = exercise_notebook(sheet, RIGHT)
        cases.append((f"{name}.ipynb", change(notebook) or notebook, first, second))

    def answer(name: str, first: str = RIGHT["90.1"], second: str = RIGHT["90.2"]) -> None:
        notebook = exercise_notebook(sheet, {"90.1": first, "90.2": second})
        cases.append((f"{name}.ipynb", notebook, C, C))

    def put(offset: int, *cells: dict[str, Any]) -> Callable[[Notebook], None]:
        def change(notebook: Notebook) -> None:
            at = place(notebook, "90.1.answer") + offset
            notebook["cells"][at:at] = list(cells)

        return change

    def spread(notebook: Notebook) -> None:
        at = place(notebook, "90.1.answer")
        lower = notebook["cells"][at]
        upper = copy.deepcopy(lower)
        upper["id"], upper["source"] = "0b1c2d3e", "# ANSWER 90.1\nWORDS = 'NOT VIOLATED'"
        lower["source"] = "def passes(reply):\n    return reply.strip().upper().startswith(WORDS)"
        notebook["cells"].insert(at, upper)

    def duplicated(notebook: Notebook) -> None:
        at = place(notebook, "90.1.answer")
        twin = copy.deepcopy(notebook["cells"][at])
        twin["id"], twin["source"] = "0b1c2d3e", sheet.exercise("90.1").starter
        notebook["cells"].insert(at + 1, twin)

    def merged(notebook: Notebook, metadata: str) -> None:
        at = place(notebook, "90.1.answer")
        own, check = notebook["cells"][at : at + 2]
        own["source"] += "\n\n" + check["source"]
        own["id"] = "0b1c2d3e"
        own["metadata"] = {"answer": own["metadata"], "check": check["metadata"], "none": {}}[metadata]
        del notebook["cells"][at + 1]

    def above(notebook: Notebook) -> None:
        at = place(notebook, "90.1.answer")
        notebook["cells"][at : at + 2] = notebook["cells"][at : at + 2][::-1]

    def no_checks(notebook: Notebook) -> None:
        notebook["cells"] = [cell for cell in notebook["cells"] if "check" not in str(cell["metadata"])]

    def as_markdown(notebook: Notebook) -> None:
        cell = notebook["cells"][place(notebook, "90.1.answer")]
        cell["cell_type"] = "markdown"
        del cell["outputs"], cell["execution_count"]

    def format_3(notebook: Notebook) -> Notebook:
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell.update(input=cell.pop("source"), language="python", prompt_number=1)
        return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": notebook["cells"]}]}

    def by_tags(notebook: Notebook) -> None:
        for cell in notebook["cells"]:
            key = cell["metadata"].get("cai", {}).get("key")
            cell["id"], cell["metadata"] = "0b1c2d3e", {"tags": [f"cai:{key}"]}
            cell["source"] = cell["source"].removeprefix(f"# ANSWER {str(key)[:4]}\n")

    answer("plain")
    answer(
        "other-style",
        "# ANSWER 90.1\nimport re\npasses = lambda reply: bool(re.match(r'\\s*not violated', reply, re.I))",
        "# ANSWER 90.2\nfrom functools import reduce\ndef failing(names):\n"
        "    return reduce(lambda a, n: a + [n] * (ask(n) != 'NOT VIOLATED'), names, [])",
    )
    helper = code("def tidy(reply):\n    return reply.strip().upper()")
    uses = RIGHT["90.1"].replace("reply.strip().upper()", "tidy(reply)")
    add("helper-in-front", lambda n: put(0, helper)(n) or n["cells"][place(n, "90.1.answer")].update(source=uses))
    add("helper-behind", lambda n: put(1, helper)(n) or n["cells"][place(n, "90.1.answer")].update(source=uses))
    add("played-behind-the-check", put(2, code("passes = None; replies = {}")), N, C)
    add("spread", spread)
    add("duplicated", duplicated)
    for kind in ("answer", "check", "none"):
        add(f"merged-{kind}", lambda n, kind=kind: merged(n, kind))
    add("checks-above", above)
    add("reversed", lambda n: n["cells"].reverse())
    add("no-checks", no_checks)
    add("no-ids", lambda n: bare(n, metadata=False))
    add("no-ids-no-metadata", bare)
    add("no-markers", lambda n: bare(n, ids=False, metadata=False, markers=True))
    add("nothing-kept", lambda n: bare(n, markers=True))
    add("by-tags", by_tags)
    add("format-3", format_3)
    add("format-4-4", lambda n: {**bare(n, metadata=False), "nbformat_minor": 4})
    add("as-markdown", as_markdown)
    add("skip-tags-on-right", lambda n: [c["metadata"].update(tags=["nbval-skip"]) for c in n["cells"]] and None)
    one, two = RIGHT["90.1"], RIGHT["90.2"]
    answer("magics", "%%time\n" + one, "%%capture out\n" + two)
    answer("pprint", one + "\n%pprint", two + "\n%load_ext autoreload\n%autoreload 2")
    answer("interactivity", one + "\nget_ipython().ast_node_interactivity = 'all'\n1\n2", two)
    answer("star-import", "from math import *\nfrom os.path import *\n" + one, two)
    answer("await", one + "\nimport asyncio\nawait asyncio.sleep(0)", two)
    answer("warnings", one + "\nimport warnings\nwarnings.warn('old')", two + "\nimport random\nprint(random.random())")
    answer("large-output", one + "\nfor _ in range(50):\n    print('x' * 1_000_000)", two + "\n'x' * 5_000_000")
    answer("exit", one + "\nexit()", two + "\nimport sys\nsys.exit(3)")
    answer("moved", one + "\nimport os\nos.chdir('/')\nos.environ.clear()", two)
    answer(
        "threads",
        one + "\nimport threading, time\ndef talk():\n    while True:\n        print('x' * 100); time.sleep(0.001)\n"
        "threading.Thread(target=talk).start()\nthreading.Thread(target=talk, daemon=True).start()",
        two,
    )
    answer("shadows", one + "\nlist = str = sum = print = 3\nbool = None", two + "\nlen = 1\nglobals()['id'] = 2")
    answer("own-sum", "def sum(x):\n    return x\n" + one.replace("reply.strip()", "sum(reply.strip())"), two)
    loud = "    import sys, warnings, logging, threading\n    print('looking', reply)\n    warnings.warn('hm')\n"
    loud += "    logging.warning('hm')\n    sys.stderr.write('hm')\n    display(reply)\n"
    loud += "    t = threading.Thread(target=print, args=('x',)); t.start(); t.join()\n"
    answer(
        "talks", one.replace("):\n", "):\n" + loud), two.replace("):\n", "):\n    from IPython.display import HTML\n")
    )
    answer("clears", one.replace("):\n", "):\n    from IPython.display import clear_output; clear_output()\n"), two)
    answer("trailing-error", one + "\npasses(3)", two)
    answer("reset", "%reset -f\n" + one, "replies = {'a': 'VIOLATED'}\n" + two)
    answer("seeds", one.replace("):\n", "):\n    import random; random.seed(1)\n"), two)
    answer("recursion-limit", one + "\nimport sys\nsys.setrecursionlimit(120)", two)
    answer("calls-the-course", one + "\ncheck('90.1')\nfrom cai_helpers.learning import *\ncheck('90.1')", two)
    return cases


def wrong_cases(sheet: Sheet) -> list[Case]:
    """Wrong answers to 90.1, among them attempts to cheat; 90.2 is right unless said."""
    cases: list[Case] = []
    two = RIGHT["90.2"]

    def answer(name: str, first: str, verdict: str = N, second: str = two, verdict_2: str = C) -> None:
        notebook = exercise_notebook(sheet, {"90.1": first, "90.2": second})
        cases.append((f"{name}.ipynb", notebook, verdict, verdict_2))

    def change(name: str, edit: Callable[[Notebook], None], first: str, verdict: str = N, verdict_2: str = C) -> None:
        notebook = exercise_notebook(sheet, {"90.1": first, "90.2": two})
        edit(notebook)
        cases.append((f"{name}.ipynb", notebook, verdict, verdict_2))

    starter = sheet.exercise("90.1").starter
    cases.append(("untouched.ipynb", exercise_notebook(sheet), S, S))
    cases.append(("half-done.ipynb", exercise_notebook(sheet, {"90.1": RIGHT["90.1"]}), C, S))
    answer("starter-with-comment", starter + "\n# I think return 'NOT VIOLATED' in reply", S)
    answer("emptied", "# ANSWER 90.1\n", S)
    answer("irrelevant", "# ANSWER 90.1\nprint('hello')")
    answer("too-loose", WRONG_1)
    answer("hard-coded", '# ANSWER 90.1\ndef passes(reply):\n    return reply == "NOT VIOLATED"')
    answer("negated", RIGHT["90.1"].replace("return ", "return not "))
    answer("renamed", RIGHT["90.1"].replace("passes", "passing"))
    answer("syntax-error", "# ANSWER 90.1\ndef passes(reply)\n    return True")
    answer("merge-marks-inside", "# ANSWER 90.1\n<<<<<<< HEAD\ndef passes(r): return 1\n=======\n>>>>>>> b")
    answer("asks", "# ANSWER 90.1\nword = input('?')\ndef passes(reply):\n    return reply.startswith(word)")
    answer("asks-in-function", "# ANSWER 90.1\ndef passes(reply):\n    return bool(input(reply))")
    answer("raises", "# ANSWER 90.1\ndef passes(reply):\n    raise ValueError('hm')")
    answer("exits-in-function", "# ANSWER 90.1\ndef passes(reply):\n    import sys; sys.exit()")
    answer("order-lost", RIGHT["90.1"], C, two.replace("return [", "return sorted([").rstrip("]") + "])", N)
    answer("prints-expected", "# ANSWER 90.1\ndef passes(reply):\n    print(True)\nprint('True')\nTrue")
    answer("shows-expected", "# ANSWER 90.1\ndef passes(reply):\n    display({'text/plain': 'True'}, raw=True)")
    answer("fake-print", FLAT_1 + "\nimport builtins\nbuiltins.print = lambda *a: None\nprint = builtins.print")
    answer("fake-bool", FLAT_1 + "\nimport builtins\nbuiltins.bool = lambda *a: True\nbool = builtins.bool")
    answer(
        "fake-exec", FLAT_1 + "\nimport builtins\nbuiltins.eval = lambda *a: True\nbuiltins.repr = lambda *a: 'True'"
    )
    answer(
        "fake-stdout", FLAT_1 + "\nimport sys, io\nsys.stdout = io.StringIO('True')\nsys.displayhook = lambda v: None"
    )
    answer(
        "transformer",
        FLAT_1 + "\nimport ast\nclass T(ast.NodeTransformer):\n    def visit_Compare(self, n):\n"
        "        return ast.Constant(True)\n    visit_Call = visit_Compare\n"
        "get_ipython().ast_transformers.append(T())",
    )
    answer(
        "formatter",
        FLAT_1
        + "\nget_ipython().display_formatter.formatters['text/plain'].for_type(bool, lambda o, p, c: p.text('True'))",
    )
    answer(
        "lying-object",
        "# ANSWER 90.1\nclass L(str):\n    __eq__ = __contains__ = lambda s, o: True\n    __bool__ = lambda s: True\n"
        "    __hash__ = str.__hash__\n    __repr__ = lambda s: 'True'\ndef passes(reply):\n    return L()",
        N,
        "# ANSWER 90.2\nclass M(list):\n    __repr__ = lambda s: 'x'\n    __eq__ = lambda s, o: True\n"
        "    def __iter__(s):\n"
        "        return iter(['a'])\ndef failing(names):\n    return M(['b'])",
        N,
    )
    answer(
        "lying-thing",
        RIGHT["90.1"],
        C,
        "# ANSWER 90.2\nclass E:\n    __eq__ = lambda s, o: True\ndef failing(names):\n    return E()",
        N,
    )
    answer(
        "helper-replaced",
        RIGHT["90.1"],
        C,
        "# ANSWER 90.2\ndef ask(name):\n    return 'x'\ndef failing(names):\n    return [n for n in names if ask(n)]",
        N,
    )
    answer(
        "data-replaced",
        RIGHT["90.1"],
        C,
        "# ANSWER 90.2\nreplies.update(a='V', b='NOT VIOLATED', c='V')\nreplies['x'] = 'V'\n"
        "def failing(names):\n    return [n for n in names if n in 'ac']",
        N,
    )
    answer(
        "library-patched",
        FLAT_1 + "\nimport cai_helpers.learning.sandbox as s, cai_helpers.learning.verdicts as v\n"
        "s.Sandbox.run = lambda *a: s.Run(value='True')\n"
        "s.is_plain = lambda *a: True\nimport ast\nast.parse = lambda *a, **k: None",
    )
    answer("skip-comment", "# NBVAL_SKIP\n# NBVAL_IGNORE_OUTPUT\n" + WRONG_1)
    answer("literal-outputs", WRONG_1)
    change(
        "skip-tags",
        lambda n: [c["metadata"].update(tags=["nbval-skip", "raises-exception"]) for c in n["cells"]],
        WRONG_1,
    )
    change(
        "edited-checks",
        lambda n: [c.update(source="True") for c in n["cells"] if ".check" in str(c["metadata"])],
        WRONG_1,
    )
    change(
        "deleted-checks",
        lambda n: n.update(cells=[c for c in n["cells"] if ".check" not in str(c["metadata"])]),
        WRONG_1,
    )
    change("no-answer-cell", lambda n: n["cells"].pop(place(n, "90.1.answer")), WRONG_1, S)

    def in_check(notebook: Notebook) -> None:
        at = place(notebook, "90.1.check1")
        notebook["cells"][at]["source"] = RIGHT["90.1"].split("\n", 1)[1] + "\n" + notebook["cells"][at]["source"]

    change("answer-in-the-check", in_check, starter, S)

    def in_setup(notebook: Notebook) -> None:
        notebook["cells"][1]["source"] += "\nTHE_WORDS = 'NOT VIOLATED'"

    change("edited-setup", in_setup, RIGHT["90.1"].replace('"NOT VIOLATED"', "THE_WORDS"))

    def stale(notebook: Notebook) -> None:
        cell = notebook["cells"][place(notebook, "90.1.answer")]
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "passes is defined"}]

    change("stale", stale, "# ANSWER 90.1\n# def passes was here, and is in memory only\nother = 1")
    late = code(
        "import builtins, sys\nbuiltins.repr = lambda v: 'True'\nsys.modules['cai_helpers.client'].call_llm = None"
    )
    change("late-patch", lambda n: n["cells"].insert(place(n, "90.1.check1") + 1, late), WRONG_1)
    return cases


def hostile_cases(sheet: Sheet) -> list[Case]:
    """Code that never ends or takes the kernel down: it costs its own exercise only."""
    two = RIGHT["90.2"]
    first = {
        "endless": "# ANSWER 90.1\nwhile True:\n    pass",
        "endless-in-function": "# ANSWER 90.1\ndef passes(reply):\n    while True:\n        pass",
        "endless-and-stubborn": "# ANSWER 90.1\ndef passes(reply):\n    while True:\n        try:\n"
        "            while True: pass\n"
        "        except BaseException:\n            pass",
        "kernel-gone": RIGHT["90.1"] + "\nimport os\nos._exit(0)",
        "kernel-killed-in-check": "# ANSWER 90.1\nimport os, signal\ndef passes(reply):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)",
        "segfault": "# ANSWER 90.1\nimport ctypes\nctypes.string_at(0)",
        "memory": "# ANSWER 90.1\nbig = []\nwhile True:\n    big.append(bytearray(3_000_000_000))\n"
        "def passes(r): return True",
        "children": RIGHT["90.1"]
        + "\nimport subprocess\nfor _ in range(3): subprocess.Popen(['sleep', '987'], start_new_session=True)\n"
        "import os\nos.abort()",
    }
    cases = [
        (f"{name}.ipynb", exercise_notebook(sheet, {"90.1": text, "90.2": two}), N, C) for name, text in first.items()
    ]
    later = RIGHT["90.1"] + "\nimport threading, os, time\n"
    later += "threading.Thread(target=lambda: (time.sleep(0.05), os.kill(os.getpid(), 9))).start()"
    slow_two = two.replace("):\n", "):\n    import time; time.sleep(0.1)\n")
    cases.append(("bomb-with-a-delay.ipynb", exercise_notebook(sheet, {"90.1": later, "90.2": slow_two}), "", C))
    return cases


def broken_files(sheet: Sheet) -> dict[str, tuple[bytes, str]]:
    """File name -> (bytes, a part of the sentence that must be said)."""
    good = json.dumps(exercise_notebook(sheet, RIGHT), indent=1)
    half = good.index('"cells"') + len(good) // 2
    merge = good[:half] + "\n<<<<<<< HEAD\n x\n=======\n y\n>>>>>>> other\n" + good[half:]
    return {
        "merge.ipynb": (merge.encode(), "git merge markers"),
        "truncated.ipynb": (good[:half].encode(), "cut off"),
        "empty.ipynb": (b"", "empty"),
        "blank.ipynb": (b" \n", "empty"),
        "list.ipynb": (b"[1, 2]", "not a notebook"),
        "text.ipynb": (b"def f(): pass", "not a notebook"),
        "format-9.ipynb": (good.replace('"nbformat": 4', '"nbformat": 9').encode(), "format 9"),
        "no-format.ipynb": (good.replace('"nbformat": 4', '"nbformat": "4"').encode(), "format '4'"),
        "no-cells.ipynb": (b'{"nbformat": 4, "metadata": {}}', "no cells"),
        "odd-cells.ipynb": (b'{"nbformat": 4, "cells": {"a": 1}}', "not a list"),
        "odd-cell.ipynb": (b'{"nbformat": 4, "cells": [3]}', "Cell 1"),
        "odd-source.ipynb": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 7}]}', "Cell 1"),
        "bytes.ipynb": (b"\x80\x81{}", "UTF-8"),
        "stranger.ipynb": (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "1"}]}', "No cell"),
    }
