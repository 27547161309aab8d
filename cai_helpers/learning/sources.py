"""Texts of code cells: what of an answer cell is the starter, what is the solution, and whether two texts are one code.

# ANSWER 04.2
def first(items):
    ### SOLUTION
    ### STARTER ...  # your code
    return items[0]
    ### END SOLUTION
"""

from __future__ import annotations

import ast
import re

OPEN, CLOSE, KEEP = "### SOLUTION", "### END SOLUTION", "### STARTER"
MARKER = re.compile(r"^[ \t]*# ?ANSWER (\d\d\.\d+)[ \t]*$", re.MULTILINE)


class SourceError(ValueError):
    """An answer cell is not written as this page says; the message says what to do."""


def starter(source: str) -> str:
    """The answer cell as the learner gets it: each solution block replaced by its STARTER lines.

    Raises SourceError for blocks that are missing, nested or not closed, and for a starter that is not Python.
    """
    kept, inside, blocks = [], False, 0
    for line in source.split("\n"):
        text = line.strip()
        if text in (OPEN, CLOSE):
            if inside == (text == OPEN):
                raise SourceError(f"has {text!r} where the other mark must come first; blocks do not nest.")
            inside = text == OPEN
            blocks += inside
        elif not inside:
            kept.append(line)
        elif text.startswith(KEEP):
            indent = line[: len(line) - len(line.lstrip())]
            kept.append((indent + text[len(KEEP) :].removeprefix(" ")).rstrip())
    if inside or not blocks:
        raise SourceError(f"needs {OPEN!r} above the solution and {CLOSE!r} below it.")
    text = "\n".join(kept).strip("\n")
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise SourceError(f"leaves a starter that is not Python (line {error.lineno}): {error.msg}.") from None
    return text


def solution(source: str) -> str:
    """The answer cell as a solution to read: without marks and STARTER lines."""
    marks = (OPEN, CLOSE, KEEP)
    lines = [line for line in source.split("\n") if not line.strip().startswith(marks) and not MARKER.match(line)]
    return "\n".join(lines).strip("\n")


def marked_exercises(source: str) -> list[str]:
    """The exercise ids of the `# ANSWER NN.k` lines in a cell, in order."""
    return MARKER.findall(source)


def same_code(one: str, other: str) -> bool:
    """Whether two cells hold the same code; comments, white space, docstrings, magics and line ends do not count."""
    first, second = _tree(one), _tree(other)
    if first is None or second is None:
        return "".join(one.split()) == "".join(other.split())
    return first == second


def untouched(source: str, starter_text: str) -> bool:
    """Whether a learner's answer is still the starter, or holds no code at all."""
    return same_code(source, starter_text) or _tree(source) == _tree("")


def without_magics(source: str) -> str:
    """The cell without IPython's lines (%, !, ?): what plain Python can parse. Line numbers stay."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("" if re.match(r"\s*[%!?]", line) else line for line in lines)


def defined_names(source: str) -> set[str]:
    """The names that a cell binds at its top level: assignments, definitions, imports, loops, `with ... as`."""
    try:
        body = ast.parse(without_magics(source)).body
    except SyntaxError:
        return set()
    finder = _Names()
    for statement in body:
        finder.visit(statement)
    return finder.names


def used_names(source: str) -> set[str]:
    """The names that a cell reads anywhere."""
    try:
        tree = ast.parse(without_magics(source))
    except SyntaxError:
        return set()
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


class _Names(ast.NodeVisitor):
    """Collects bound names; does not look into functions, classes and comprehensions."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.names.add(node.name)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Its arguments are its own."""

    def _comprehension(self, node: ast.AST) -> None:
        """Its loop names are its own, but `:=` in it binds outside."""
        for part in ast.walk(node):
            if isinstance(part, ast.NamedExpr):
                self.names.add(part.target.id)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_alias(self, node: ast.alias) -> None:
        self.names.add((node.asname or node.name).split(".")[0])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        self.generic_visit(node)  # its name is gone after the block

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)


def _tree(source: str) -> str | None:
    """The code without what does nothing: docstrings, `...` and `pass`; None where it is not Python."""
    try:
        tree = ast.parse(without_magics(source))
        for node in ast.walk(tree):
            for part in ("body", "orelse", "finalbody"):
                block = getattr(node, part, None)
                if isinstance(block, list):
                    setattr(node, part, [statement for statement in block if not _idle(statement)])
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _idle(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
