"""Wrong variants of every solution, made by changing its syntax tree: do the checks of the exercise notice?

    python tests/mutants.py [NN | NN.k ...]   the survivors and a table
    python tests/mutants.py --write           ... and tests/mutants.md, the kept table
    python tests/mutants.py --json            what tests/test_exercises.py reads

A variant changes one thing (kinds: see `Mutator`). At most MOST variants of an exercise are run, chosen by a hash of
their text, so that the choice is the same everywhere. A variant counts as caught when the instant check does not call
it correct. One that no check can catch, because it does the same or is as good an answer, is listed with a person's
reason in mutants_equivalent.json and left out of the count.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from cai_helpers.learning import instant  # noqa: E402
from cai_helpers.learning.exercises import Exercise  # noqa: E402
from cai_helpers.learning.verdicts import CORRECT  # noqa: E402
from tests.exercise_cases import judged, sheets  # noqa: E402

MOST = 100  # variants of one exercise that are run
SECONDS = 1.0  # for one check of a variant
PATIENCE = 6.0  # for a second try, so that nothing counts as caught because the machine was busy
LATE = "did not end within"  # what the instant check says then
TABLE = ROOT / "tests" / "mutants.md"
EQUIVALENT = ROOT / "tests" / "mutants_equivalent.json"

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.And: ast.Or, ast.Or: ast.And, ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip
KEPT = (ast.Pass, ast.FunctionDef, ast.AsyncFunctionDef, ast.Import, ast.ImportFrom)  # statements not dropped
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True)
class Variant:
    """One changed solution. name: kind and what became what, unique in its exercise."""

    exercise: str
    name: str
    source: str


@dataclass(frozen=True)
class Result:
    """The count of one exercise. made: all different variants; survivors: run, not caught, not equivalent."""

    exercise: str
    made: int
    run: int
    caught: int
    equivalent: int
    survivors: tuple[Variant, ...] = ()

    @property
    def share(self) -> float:
        """Caught of those that could be caught."""
        return self.caught / (self.run - self.equivalent) if self.run > self.equivalent else 1.0


def variants(exercise: Exercise) -> list[Variant]:
    """All variants of the solution with a text of their own, in the order of the tree."""
    tree = ast.parse(exercise.solution)
    seen, names, found = {ast.unparse(tree)}, set(), []
    for name, text in Mutator(tree).all():
        if text in seen:
            continue
        seen.add(text)
        count = 1
        while (unique := name if count == 1 else f"{name} ({count})") in names:
            count += 1
        names.add(unique)
        found.append(Variant(exercise.id, unique, f"# ANSWER {exercise.id}\n{text}"))
    return found


def sampled(found: list[Variant]) -> list[Variant]:
    """At most MOST of them, the same ones every time."""
    ranked = sorted(found, key=lambda variant: hashlib.sha256(variant.source.encode()).hexdigest())
    chosen = {variant.name for variant in ranked[:MOST]}
    return [variant for variant in found if variant.name in chosen]


class Mutator:
    """Makes one changed copy of the tree after another, each with a name."""

    def __init__(self, tree: ast.Module):
        self.tree = tree
        own = [part for part in ast.walk(tree) if _is_docstring(part)]
        functions = [part for part in ast.walk(tree) if isinstance(part, FUNCTIONS[:2])]
        self.ends = [part.body[-1] for part in functions if _shown(part.body[-1]) in ("return", "return None")]
        self.docstrings = {id(part) for text in own for part in ast.walk(text)}

    def all(self) -> Iterator[tuple[str, str]]:
        """(name, text of the changed solution)."""
        for place, node in enumerate(ast.walk(self.tree)):
            if id(node) in self.docstrings:
                continue
            for kind, change in self._changes(node):
                name_and_text = self._changed(place, kind, change)
                if name_and_text is not None:
                    yield name_and_text

    def _changed(self, place: int, kind: str, change: Callable[[Any], Any]) -> tuple[str, str] | None:
        """A copy of the tree in which `change` was done to the node at `place`."""
        tree = copy.deepcopy(self.tree)
        nodes = list(ast.walk(tree))
        node: Any = nodes[place]
        before = _shown(node)
        new = change(node)
        if isinstance(new, ast.AST):
            for parent in nodes:
                for field, value in ast.iter_fields(parent):
                    if value is node:
                        setattr(parent, field, new)
                    elif isinstance(value, list) and any(part is node for part in value):
                        setattr(parent, field, [new if part is node else part for part in value])
            after = _shown(new)
        else:
            after = _shown(node)
        try:
            text = ast.unparse(ast.fix_missing_locations(tree))
            compile(text, "<variant>", "exec")
        except (SyntaxError, ValueError):
            return None
        return (f"{kind}: {before} -> {after}" if before != after else kind), text

    def _changes(self, node: ast.AST) -> Iterator[tuple[str, Callable[[Any], Any]]]:
        if isinstance(node, ast.Compare):
            yield from _compare(node)
        if isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in OPERATORS:
            yield "operator", lambda n: setattr(n, "op", OPERATORS[type(n.op)]())
        if isinstance(node, ast.BoolOp):
            for k in range(len(node.values)):
                yield "part of the condition dropped", lambda n, k=k: _without(n.values, k, n)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
            yield "not or minus dropped", lambda n: n.operand
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            yield "condition inverted", lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
            yield "condition dropped", lambda n: setattr(n, "test", ast.Constant(True))
            yield "never", lambda n: setattr(n, "test", ast.Constant(False))
        if isinstance(node, ast.comprehension):
            for k in range(len(node.ifs)):
                yield "filter dropped", lambda n, k=k: n.ifs.pop(k) and None
                yield "filter inverted", lambda n, k=k: n.ifs.__setitem__(k, ast.UnaryOp(ast.Not(), n.ifs[k]))
        if isinstance(node, ast.Constant):
            for value in _other_values(node.value):
                yield "constant", lambda n, v=value: setattr(n, "value", v)
        if isinstance(node, ast.Call):
            yield from _call(node)
        if isinstance(node, ast.Slice):
            for field in ("lower", "upper", "step"):
                if getattr(node, field) is not None:
                    yield f"{field} end of the slice dropped", lambda n, f=field: setattr(n, f, None)
        if isinstance(node, ast.JoinedStr):
            for k in range(len(node.values)):
                yield "part of the text dropped", lambda n, k=k: n.values.pop(k) and None
        if isinstance(node, (ast.For, ast.comprehension)) and _shown(node.target) != "_":
            yield "order reversed", lambda n: setattr(n, "iter", _apply("reversed", _apply("list", n.iter)))
        if isinstance(node, ast.ExceptHandler):
            yield "except emptied", lambda n: setattr(n, "body", [ast.Pass()])
        if isinstance(node, ast.Try):
            yield "try dropped", lambda n: ast.If(ast.Constant(True), n.body + n.orelse + n.finalbody, [])
        if isinstance(node, (ast.Dict, ast.List, ast.Tuple, ast.Set)):
            if isinstance(getattr(node, "ctx", None), ast.Store):
                return  # names that are assigned to
            for k in range(len(node.values if isinstance(node, ast.Dict) else node.elts)):
                yield "element dropped", lambda n, k=k: _drop_element(n, k)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and not (isinstance(node, ast.Module)):
                yield from self._statements(field, block)
        if isinstance(node, FUNCTIONS[:2]):
            yield from _returns(node)

    def _statements(self, field: str, block: list[ast.stmt]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
        for k, statement in enumerate(block):
            if id(statement) in self.docstrings or isinstance(statement, KEPT) or statement in self.ends:
                continue
            yield f"statement dropped: {_shown(statement)}", lambda n, k=k: getattr(n, field).__setitem__(k, ast.Pass())
            if isinstance(statement, (ast.Break, ast.Continue)):
                other = ast.Continue if isinstance(statement, ast.Break) else ast.Break
                yield "break and continue", lambda n, k=k, o=other: getattr(n, field).__setitem__(k, o())


def _compare(node: ast.Compare) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for k, operator in enumerate(node.ops):
        for other in COMPARISONS.get(type(operator), ()):
            yield "comparison", lambda n, k=k, o=other: n.ops.__setitem__(k, o())


def _call(node: ast.Call) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    if node.args and not isinstance(node.args[0], (ast.Starred, ast.GeneratorExp)):
        yield "call dropped", lambda n: n.args[0]
    if isinstance(node.func, ast.Attribute):
        yield "method dropped", lambda n: n.func.value
        if node.func.attr in ("get", "pop", "getattr") and len(node.args) == 2:
            yield "default dropped", lambda n: n.args.pop() and None
    for k in range(len(node.keywords)):
        yield "named argument dropped", lambda n, k=k: n.keywords.pop(k) and None
    if len(node.args) == 2 and not any(isinstance(arg, ast.Starred) for arg in node.args):
        yield "arguments swapped", lambda n: n.args.reverse()


def _returns(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """Another local in place of what is returned, and the order of what is returned lost."""
    own = [node for node in _own_nodes(function) if isinstance(node, ast.Return) and node.value is not None]
    stores = [n.id for n in _own_nodes(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    locals_ = list(dict.fromkeys([argument.arg for argument in function.args.args] + stores))
    for k, node in enumerate(own):
        others = [name for name in locals_ if not (isinstance(node.value, ast.Name) and node.value.id == name)]
        for name in dict.fromkeys(others[:1] + others[-2:]):
            yield (
                f"returned instead: {name}",
                lambda n, k=k, v=name: _set_return(n, k, lambda old: ast.Name(v, ast.Load())),
            )
        yield "nothing returned", lambda n, k=k: _set_return(n, k, lambda old: ast.Constant(None))
        if _is_list(node.value, function):
            yield "result reversed", lambda n, k=k: _set_return(n, k, lambda old: _slice_reversed(old))
            yield "result sorted", lambda n, k=k: _set_return(n, k, lambda old: _sorted_by_text(old))
            yield "first of the result lost", lambda n, k=k: _set_return(n, k, lambda old: _from_second(old))


def _set_return(function: Any, k: int, make: Callable[[Any], ast.expr]) -> None:
    own = [node for node in _own_nodes(function) if isinstance(node, ast.Return) and node.value is not None]
    own[k].value = make(own[k].value)


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, (*FUNCTIONS, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            yield from _own_nodes(child)


def _is_list(value: ast.expr | None, function: ast.AST) -> bool:
    if isinstance(value, (ast.List, ast.ListComp)):
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in ("list", "sorted")
    made = [
        n for n in ast.walk(function) if isinstance(n, ast.Assign) and isinstance(n.value, (ast.List, ast.ListComp))
    ]
    names = {target.id for node in made for target in node.targets if isinstance(target, ast.Name)}
    return isinstance(value, ast.Name) and value.id in names


def _slice_reversed(old: ast.expr) -> ast.expr:
    return ast.Subscript(old, ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1))), ast.Load())


def _from_second(old: ast.expr) -> ast.expr:
    return ast.Subscript(old, ast.Slice(ast.Constant(1), None, None), ast.Load())


def _sorted_by_text(old: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("sorted", ast.Load()), [old], [ast.keyword("key", ast.Name("str", ast.Load()))])


def _apply(name: str, value: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name, ast.Load()), [value], [])


def _without(values: list[ast.expr], k: int, node: ast.BoolOp) -> ast.expr:
    rest = [value for place, value in enumerate(values) if place != k]
    return rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)


def _drop_element(node: Any, k: int) -> None:
    if isinstance(node, ast.Dict):
        node.keys.pop(k)
        node.values.pop(k)
    else:
        node.elts.pop(k)


def _other_values(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [value * 2, 0.0]
    if isinstance(value, str):
        return ["" if value else "x"]
    return []


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _shown(node: ast.AST) -> str:
    """The node in one short line."""
    if isinstance(node, (ast.If, ast.While)):
        node = node.test
    elif isinstance(node, ast.For):
        node = node.iter
    elif isinstance(node, ast.comprehension):
        return _short(" if ".join(_text(part) for part in (node.iter, *node.ifs)))
    elif isinstance(node, (ast.FunctionDef, ast.ExceptHandler, ast.Try, ast.With)):
        return type(node).__name__
    return _short(_text(node))


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())


def _short(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:50]}...{text[-17:]}"


# --- Running them ---


def is_caught(number: str, source: str) -> bool:
    """Whether the instant check does not call this answer correct."""
    [(sheet, exercise)] = [(s, e) for s in sheets() for e in s.exercises if e.id == number]
    for seconds in (SECONDS, PATIENCE):
        instant.SECONDS = seconds
        verdict, message = judged(sheet, exercise, source)
        if LATE not in message:
            break
    return verdict != CORRECT


def run(exercise: Exercise) -> Result:
    """Run the variants of one exercise."""
    known = json.loads(EQUIVALENT.read_text("utf-8")).get(exercise.id, {}) if EQUIVALENT.is_file() else {}
    made = variants(exercise)
    chosen = sampled(made)
    alive = [variant for variant in chosen if not is_caught(variant.exercise, variant.source)]
    equivalent = [variant for variant in alive if variant.name in known]
    survivors = tuple(variant for variant in alive if variant.name not in known)
    return Result(exercise.id, len(made), len(chosen), len(chosen) - len(alive), len(equivalent), survivors)


def run_all(wanted: list[str], processes: int = 2) -> list[Result]:
    """The results of all exercises, or of those wanted ("04", "04.2"), in order."""
    found = [e for s in sheets() for e in s.exercises if not wanted or {s.number, e.id} & set(wanted)]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(run, found))


def table(results: list[Result]) -> str:
    """The kept table as Markdown."""
    lines = [
        "# Wrong variants of the solutions that the checks catch",
        "",
        "Made by `python tests/mutants.py --write`; a test compares. Variants differ from the solution in one place.",
        f"Run: at most {MOST} of an exercise. Equivalent: not caught, and rightly so, with the reason in",
        "`mutants_equivalent.json`. Share: caught of run less equivalent.",
        "",
        "| exercise | made | run | caught | equivalent | share |",
        "|---|---|---|---|---|---|",
    ]
    for r in results:
        lines.append(f"| {r.exercise} | {r.made} | {r.run} | {r.caught} | {r.equivalent} | {r.share:.1%} |")
    made, ran, caught = (sum(getattr(r, name) for r in results) for name in ("made", "run", "caught"))
    same = sum(r.equivalent for r in results)
    lines.append(f"| all | {made} | {ran} | {caught} | {same} | {caught / max(1, ran - same):.1%} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the variants; the status says whether every exercise is at 95 % or more."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("exercises", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    results = run_all(given.exercises, given.jobs)
    if given.json:
        print(json.dumps([{**asdict(result), "share": result.share} for result in results]))
        return 0
    for result in results:
        for survivor in result.survivors:
            print(f"{survivor.exercise} {survivor.name}")
    print(table(results))
    if given.write and not given.exercises:
        TABLE.write_text(table(results), "utf-8")
    return 0 if all(result.share >= 0.95 for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
