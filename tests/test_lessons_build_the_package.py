"""What a learner types is what cai_helpers holds: the lessons' cells tagged `builds` against the modules.

Every top-level function, class and constant of such a cell must have the same syntax tree as the one of that name in
the chapter's module, or in a further part of it: a module that it imports from and whose docstring names the same
chapter. Docstrings and annotations are left aside, imports and calls in the cell are ignored. And every
function of a module must be built by some lesson, or stand in NOT_BUILT with a reason.
"""

from __future__ import annotations

import ast
import copy
import re
from pathlib import Path

import pytest

from cai_helpers.learning import lessons, manifest
from tests.conftest import ROOT

# module: {name: why no lesson builds it}
NOT_BUILT: dict[str, dict[str, str]] = {
    "client.py": {
        "Client": "keeps session, counters and trace; the lesson uses it and builds what it calls",
        "current_client": "one variable of the module behind a function",
        "use_client": "one variable of the module behind a function",
        "explain": "words for each kind of error; the lesson reads them",
        "read_json": "guards json() against bodies that are none",
        "_headers": "an empty mapping where nothing answered",
        "no_usage": "a dict of zeros",
        "metered": "a meter per thread, for the guardrail's record",
    },
    "critic.py": {"check_draft": "two lines that refuse an empty draft"},
    "wire.py": {
        "add_event": "the Messages twin of add_chunk, longer than a cell; the lesson builds add_chunk",
        "ask_schema": "one dict; JSON answers are call_json's business",
        "ask_chat_schema": "one dict; JSON answers are call_json's business",
        "fit": "longer than a cell; the lesson reads its notes in the trace",
        "is_stream": "reads one header",
    },
    "recording.py": {
        "keep_stream": "the stream branch of `keep`; the lesson replays a stream",
        "recorder": "makes what record= mounts; the lesson builds what it mounts",
        "missing": "words for a miss; the lesson builds `readable` and `differences` and reads the message",
        "why_not": "words for a miss",
        "compared": "words for a miss",
    },
    "guardrail.py": {
        "Guardrail": "adds router, threads, clock, streaming and log around what lesson 10 builds",
        "model_of": "the name of a client's model, for the log",
    },
    "ai_feedback.py": {
        "load_candidates": "reads a file",
        "closest": "word overlap, explained in prose",
        "demonstrations": "a loop around built parts",
        "ask_logprobs": "one request with a fallback",
        "read_letter": "two search patterns",
        "average": "one step of bookkeeping",
        "truth": "one step of bookkeeping",
        "examples": "one step of bookkeeping",
        "helpful_examples": "one step of bookkeeping",
        "rewards": "one step of bookkeeping",
    },
    "preference_model.py": {
        "logistic": "short arithmetic",
        "difference": "short arithmetic",
        "steepest": "short arithmetic",
    },
    "policy.py": {
        "softmax": "a formula that the lesson uses",
        "likelihood": "a formula that the lesson uses to check",
        "objective": "a formula that the lesson uses to check",
        "divergence": "a formula that the lesson uses to measure",
        "measure": "counts that the lesson uses",
    },
    "training_data.py": {
        "build_dataset": "eleven arguments; the lesson builds the parts that it calls, and uses it",
        "Jobs": "numbers and repetitions of the prompts behind two methods",
        "make_plan": "gathers and checks arguments",
        "checked": "names the number of a bad prompt",
        "check_window": "refuses two bad arguments",
        "check_row": "compares a row with its job; the lesson uses it",
        "start_counts": "a dict of zeros",
        "here": "the name of a process",
        "connect_worker": "connects another process once; the lesson uses it",
        "submit": "the way out where no thread starts; lesson 08 builds one",
    },
    "training_quality.py": {
        "write_rows": "a loop that writes lines",
        "size_category": "a table of names",
        "dataset_card": "fills in a text",
        "export": "writes three files; the lesson uses it",
    },
    "verdict.py": {"clean": "a row of search patterns; lesson 04 shows what it does and imports it"},
}

Definitions = dict[str, ast.stmt]


def definitions(source: str) -> Definitions:
    """Every top-level function, class and constant by name. Raises ValueError for any other kind of statement."""
    found: Definitions = {}
    for node in ast.parse(source).body:
        for name in names_of(node):
            found[name] = node
    return found


def names_of(node: ast.stmt) -> list[str]:
    """The names that a top-level statement defines; imports and expressions define none that count."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)):
        return []
    raise ValueError(f"line {node.lineno}: {type(node).__name__} at top level; a cell tagged builds only defines")


class Bare(ast.NodeTransformer):
    """Strips docstrings and annotations. A field of a class keeps its name: it is the class's content."""

    def __init__(self) -> None:
        self.inside: list[ast.AST] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._body(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._body(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._body(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if node.value is not None:
            return ast.Assign(targets=[node.target], value=node.value)
        if self.inside and isinstance(self.inside[-1], ast.ClassDef):
            return ast.AnnAssign(target=node.target, annotation=ast.Constant(None), value=None, simple=node.simple)
        return None

    def _body(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
        self.inside.append(node)
        self.generic_visit(node)
        self.inside.pop()
        # A body of a docstring alone and a body of `pass` or `...` mean the same.
        node.body = [part for part in node.body if not is_empty(part)]
        return node


def is_empty(node: ast.stmt) -> bool:
    """Whether a statement does nothing: pass, or an ellipsis alone."""
    is_dots = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is ...
    return isinstance(node, ast.Pass) or is_dots


def tree(node: ast.stmt) -> str:
    """The syntax tree as text, without positions, docstrings and annotations."""
    return ast.dump(Bare().visit(copy.deepcopy(node)), indent=1)


def differing(built: Definitions, module: Definitions) -> list[str]:
    """What the cell defines that the module does not have, or has otherwise."""
    problems = []
    for name, node in built.items():
        if name not in module:
            problems.append(f"{name} is not in the module")
        elif tree(node) != tree(module[name]):
            where = lessons.first_difference(ast.unparse(node), ast.unparse(module[name]))
            problems.append(f"{name} differs from the module: {where}")
    return problems


def unbuilt(module: Definitions, built: set[str], allowed: set[str]) -> list[str]:
    """Functions and classes of a module that no lesson builds, and allowed names that are no longer needed."""
    names = {name for name, node in module.items() if is_taught(node, module)}
    problems = [f"{name}: no lesson builds it" for name in sorted(names - built - allowed)]
    return problems + [f"{name}: take it out of NOT_BUILT" for name in sorted(allowed - (names - built))]


def is_taught(node: ast.stmt, module: Definitions) -> bool:
    """Functions and classes with behaviour are taught; TypedDict and the like only say how data looks."""
    if isinstance(node, ast.ClassDef):
        return not says_how_data_looks(node, module)
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))


def says_how_data_looks(node: ast.ClassDef, module: Definitions) -> bool:
    """Whether a class is a TypedDict, NamedTuple or Protocol, itself or by a class of its module."""
    for base in (ast.unparse(base).split(".")[-1] for base in node.bases):
        above = module.get(base)
        if base in ("TypedDict", "NamedTuple", "Protocol"):
            return True
        if isinstance(above, ast.ClassDef) and says_how_data_looks(above, module):
            return True
    return False


def modules_of(chapter: manifest.Chapter, root: Path = ROOT) -> list[str]:
    """The files that a chapter builds: those that the manifest names, each with its further parts."""
    named = [name.strip() for name in chapter["module"].split(",") if name.strip()]
    return list(dict.fromkeys(part for name in named for part in [name, *further_parts(root, name)]))


def further_parts(root: Path, name: str) -> list[str]:
    """The modules that cai_helpers/<name> imports from and whose docstring begins with the same "Chapter NN"."""
    if not (root / "cai_helpers" / name).is_file():
        return []
    tree = ast.parse((root / "cai_helpers" / name).read_text("utf-8"))
    imported = [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    beside = [f"{found[1]}.py" for module in imported if (found := re.fullmatch(r"cai_helpers\.(\w+)", module))]
    return [other for other in beside if chapter_named_in(root, other) == chapter_named_in(root, name) != ""]


def chapter_named_in(root: Path, name: str) -> str:
    """The "Chapter NN" that the docstring of cai_helpers/<name> begins with, or ""."""
    docstring = ast.get_docstring(ast.parse((root / "cai_helpers" / name).read_text("utf-8"))) or ""
    found = re.match(r"Chapter \d+", docstring)
    return found[0] if found else ""


def read_module(root: Path, name: str) -> Definitions:
    """Definitions of cai_helpers/<name>; other statements of a module (an if for typing) are left aside."""
    body = ast.parse((root / "cai_helpers" / name).read_text("utf-8")).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    return {name: node for node in body if isinstance(node, kinds) for name in names_of(node)}


def building_cells(root: Path, chapter: manifest.Chapter) -> list[tuple[str, str]]:
    """(cell id, source) of the lesson's cells tagged `builds`."""
    notebook = lessons.read_notebook(root / "notebooks" / f"{chapter['name']}.ipynb")
    return [
        (cell["id"], cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "builds" in cell["metadata"].get("tags", [])
    ]


CHAPTERS = [chapter for chapter in manifest.load_course(ROOT)["chapters"] if chapter["status"] == "ready"]
MODULES = sorted({name for chapter in CHAPTERS for name in modules_of(chapter)})


@pytest.mark.parametrize("chapter", CHAPTERS, ids=[chapter["name"] for chapter in CHAPTERS])
def test_cells_equal_the_module(chapter: manifest.Chapter) -> None:
    cells = building_cells(ROOT, chapter)
    assert bool(cells) == bool(chapter["module"]), "a chapter with a module has cells tagged builds, others have none"
    module: Definitions = {}
    for name in modules_of(chapter):
        module.update(read_module(ROOT, name))
    problems = [f"{cell}: {problem}" for cell, text in cells for problem in differing(definitions(text), module)]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", MODULES)
def test_every_function_is_built_by_a_lesson(name: str) -> None:
    cells = [text for c in CHAPTERS if name in modules_of(c) for _, text in building_cells(ROOT, c)]
    built = {defined for text in cells for defined in definitions(text)}
    problems = unbuilt(read_module(ROOT, name), built, set(NOT_BUILT.get(name, {})))
    assert not problems, f"{name}:\n" + "\n".join(problems)


def test_allowed_names_belong_to_modules_with_a_lesson() -> None:
    assert set(NOT_BUILT) <= set(MODULES)
    assert all(reason for reasons in NOT_BUILT.values() for reason in reasons.values())


# The comparison itself is seen to fail.

MODULE = '''
"""Module."""
from __future__ import annotations
LIMIT: int = 3
class Reply(TypedDict):
    """A reply."""
    text: str
    usage: int
class LongReply(Reply, total=False):
    """A long reply."""
    pages: int
class Room:
    """A room."""
    def size(self) -> int:
        """Seats."""
        return LIMIT
def ask(text: str, times: int = LIMIT) -> str:
    """Ask."""
    note: str = text.strip()
    return note * times
async def wait(seconds: float) -> None:
    """Wait."""
'''
CELL = """
import requests
LIMIT = 3
class Reply(TypedDict):
    text: "str"
    usage: "int"
class Room:
    def size(self):
        return LIMIT
def ask(text, times=LIMIT):
    note = text.strip()
    return note * times
async def wait(seconds):
    pass
ask("once")
"""


def test_same_code_without_docstrings_and_annotations_is_equal() -> None:
    assert differing(definitions(CELL), definitions(MODULE)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("note * times", "times * note"),
        ("times=LIMIT", "times=3"),
        ("text, times", "words, times"),
        ("text.strip()", "text.rstrip()"),
        ("    usage: ", "    used: "),
        ("return LIMIT", "return LIMIT + 1"),
        ("async def wait", "def wait"),
        ("def ask(", "def ask_again("),
        ("    pass", "    return 1"),
        ("def size(self)", "@property\n    def size(self)"),
    ],
)
def test_mutated_cell_is_found(old: str, new: str) -> None:
    assert old in CELL
    assert len(differing(definitions(CELL.replace(old, new)), definitions(MODULE))) == 1


def test_statement_that_defines_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1: For at top level"):
        definitions("for n in range(3):\n    print(n)")


def test_function_that_no_lesson_builds_is_found() -> None:
    module = definitions(MODULE)
    everything = set(module)
    assert unbuilt(module, everything, set()) == []
    assert unbuilt(module, everything - {"ask"}, set()) == ["ask: no lesson builds it"]
    assert unbuilt(module, everything - {"ask"}, {"ask"}) == []
    assert unbuilt(module, everything - {"Reply", "LongReply", "LIMIT"}, set()) == []
    assert unbuilt(module, everything - {"Room"}, set()) == ["Room: no lesson builds it"]


def test_further_part_of_a_module_is_found(tmp_path: Path) -> None:
    texts = {
        "one": '"""Chapter 04: first."""\nfrom cai_helpers.two import a\nfrom cai_helpers.other import b\nimport re\n',
        "two": '"""Chapter 04, second part."""\na = 1\n',
        "other": '"""Chapter 02."""\nfrom cai_helpers.plain import c\nb = 2\n',
        "plain": "c = 3\n",
    }
    (tmp_path / "cai_helpers").mkdir()
    for name, text in texts.items():
        (tmp_path / "cai_helpers" / f"{name}.py").write_text(text, "utf-8")
    assert further_parts(tmp_path, "one.py") == ["two.py"]
    assert further_parts(tmp_path, "other.py") == []
    assert further_parts(tmp_path, "missing.py") == []


def test_allowed_name_that_is_built_or_gone_is_found() -> None:
    module = definitions(MODULE)
    assert unbuilt(module, set(module), {"ask", "gone"}) == [
        "ask: take it out of NOT_BUILT",
        "gone: take it out of NOT_BUILT",
    ]
