"""Rules for checks: what keeps a verdict the same in every kernel, whatever the learner's code prints or shows."""

from __future__ import annotations

import ast
import builtins
import re

from . import sources
from .exercises import Cell, Exercise, Sheet
from .sandbox import is_plain

LONGEST = 200  # characters of a recorded value
FORBIDDEN = {"print", "display", "clear_output", "input", "breakpoint", "exit", "quit"}
CLOCKS = {"time", "perf_counter", "monotonic", "process_time", "now", "today", "utcnow"}
IPYTHONS = re.compile(r"_+|_i+|_i?\d+|_oh|_dh|_ih|_exit_code|__\w+__")


def problems(sheet: Sheet) -> list[str]:
    """One sentence for each check or mistake test of a sheet whose code breaks a rule; [] when all is well."""
    known = sources.defined_names(sheet.setup.source)
    found = []
    for exercise in sheet.exercises:
        known |= {name for cell in (*exercise.given, exercise.answer) for name in sources.defined_names(cell.source)}
        for cell in exercise.checks:
            found += [f"{cell.key} {problem}." for problem in code_problems(cell.source, known)]
        for mistake in exercise.mistakes:
            found += [f"{exercise.id}, mistake {mistake.name!r} {text}." for text in code_problems(mistake.test, known)]
        found += _said_twice(exercise)
    return found


def recording_problems(sheet: Sheet) -> list[str]:
    """One sentence for each check whose recorded output breaks a rule; [] when all is well."""
    checks = [cell for exercise in sheet.exercises for cell in exercise.checks]
    return [f"{cell.key} {problem}." for cell in checks for problem in value_problems(cell)]


def code_problems(source: str, known: set[str]) -> list[str]:
    """What is wrong with the code of a check; `known` are the names that the notebook defines before it."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [f"is not Python (line {error.lineno}): {error.msg}"]
    if not tree.body or not isinstance(tree.body[-1], ast.Expr):
        return ["must end with an expression: its value is the verdict"]
    if isinstance(tree.body[-1].value, ast.Constant):
        return ["ends with a constant, so it cannot fail"]
    found = []
    nodes = list(ast.walk(tree))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | _bound(nodes)
    read = {node.id for node in names if isinstance(node.ctx, ast.Load)}
    if any(isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)) for node in _outside_functions(tree)):
        found.append("must not await at its top level")
    found += [f"must not call {name}()" for name in sorted(read & FORBIDDEN)]
    found += [
        f"must not read a clock ({node.attr})"
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and isinstance(node.value, ast.Name)
    ]
    for name in sorted(sources.defined_names(source)):
        if not name.startswith("_") or IPYTHONS.fullmatch(name):
            found.append(f"binds {name!r}: names of a check begin with one underscore, as in '_result'")
    strangers = sorted(read - bound - known - set(vars(builtins)))
    return found + [f"uses {name!r}, which no set-up, given or answer cell defines" for name in strangers]


def value_problems(cell: Cell) -> list[str]:
    """What is wrong with the recording of a check."""
    kinds = [output.get("output_type") for output in cell.outputs]
    if kinds != ["execute_result"] or set(cell.outputs[0]["data"]) != {"text/plain"}:
        return [f"must record one value and nothing else, found {', '.join(map(str, kinds)) or 'nothing'}: run it"]
    if cell.outputs[0].get("execution_count") is None:
        return ["has a recording without an execution count, which nbval would not compare"]
    text = cell.recorded
    if "\n" in text or len(text) > LONGEST or not text.isascii():
        return [f"must give a value that fits one ASCII line of {LONGEST} characters"]
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = object()
    if is_plain(value) and repr(value) == text:
        return []
    return [f"must give a bool, int, str, tuple, list or dict made of these, found {text[:60]}"]


def _said_twice(exercise: Exercise) -> list[str]:
    """Two checks of the same code are one check."""
    sources_seen = [" ".join(cell.source.split()) for cell in exercise.checks]
    return [
        f"{cell.key} repeats an earlier check."
        for place, cell in enumerate(exercise.checks)
        if sources_seen[place] in sources_seen[:place]
    ]


def _bound(nodes: list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    return found


def _outside_functions(tree: ast.AST) -> list[ast.AST]:
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        found.append(node)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found += _outside_functions(node)
    return found
