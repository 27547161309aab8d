"""What a check sees of an answer is what it says it is: no lying objects, no replaced helpers, no patched library.

`wrapped(source, names)` rewrites a check so that every value that comes from one of the answer's names goes through
`honest`. `Originals` keeps what set-up and given cells defined and what the course's library holds, and puts it back
while a check runs. Import this before the learner's code runs.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import sys
import types
from collections.abc import Collection, Iterator
from typing import Any

WRAP = "_cai_honest"
BASES: tuple[type, ...] = (str, bool, int, float, bytes, list, tuple, set, frozenset, dict)
DATA = (list, dict, set, tuple)
NOT_TRUSTED = ("__main__", "unittest.mock")  # where a class that lies comes from
LIBRARY = (
    "cai_helpers", "builtins", "json", "re", "time", "threading", "concurrent.futures", "contextlib", "copy",
    "inspect", "ast", "itertools", "functools", "collections", "math", "operator", "io", "unittest.mock",
)  # fmt: skip
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type)
_TYPE, _ISINSTANCE, _GETATTR = type, isinstance, getattr


class Stranger:
    """Stands for an object that claims to equal anything: its parts can be used, but it equals only itself."""

    def __init__(self, thing: Any):
        self.__dict__["thing"] = thing

    def __getattr__(self, name: str) -> Any:
        return _GETATTR(self.__dict__["thing"], name)


def honest(value: Any, depth: int = 0) -> Any:
    """The value itself when nothing in it can lie; else the same made of built-in types and Strangers."""
    kind = _TYPE(value)
    if depth > 10:
        return value
    if kind in BASES:
        return _parts_honest(value, kind, depth)
    if kind.__module__ not in NOT_TRUSTED or _ISINSTANCE(value, (type, types.FunctionType)):
        return value
    for base in BASES:
        if _ISINSTANCE(value, base):
            return honest(_plain(value, base), depth + 1)
    own = [vars(part) for part in kind.__mro__[:-1]]
    lies = any(name in part for part in own for name in ("__eq__", "__ne__", "__contains__", "__bool__", "__len__"))
    return Stranger(value) if lies and not hasattr(kind, "__dataclass_fields__") else value


def wrapped(source: str, names: Collection[str]) -> str:
    """The check's source with `honest` around each value that comes from one of these names."""
    tree = _Wrapper(names).visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree))


def _plain(value: Any, base: type) -> Any:
    """A subclass's instance as its base type, by the base's own methods: the subclass's are not asked."""
    if base is str:
        return "".join([str.__str__(value)])
    if base is dict:
        return dict(dict.items(value))
    if base in (list, tuple, set, frozenset):
        return base(base.__iter__(value))
    if base is bytes:
        return bytes.__getitem__(value, slice(None))
    return base.__add__(value, base(0))  # type: ignore[operator]


def _parts_honest(value: Any, kind: type, depth: int) -> Any:
    if kind is dict:
        made = {honest(key, depth + 1): honest(part, depth + 1) for key, part in value.items()}
        same = all(
            a is b for pair in zip(made.items(), value.items(), strict=False) for a, b in zip(*pair, strict=True)
        )
        return value if same and len(made) == len(value) else made
    if kind in (list, tuple, set, frozenset):
        parts = [honest(part, depth + 1) for part in value]
        return value if all(a is b for a, b in zip(parts, value, strict=True)) else kind(parts)
    return value


class _Wrapper(ast.NodeTransformer):
    def __init__(self, names: Collection[str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _call(node) if node.id in self.names and isinstance(node.ctx, ast.Load) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        own = isinstance(node.func, ast.Name) and node.func.id in self.names
        func = node.func
        self.generic_visit(node)
        if own:
            node.func = func
            return _call(node)
        return node


def _call(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(WRAP, ast.Load()), [node], [])


class Originals:
    """What must be as the course made it while a check runs. Make one before the learner's code runs."""

    def __init__(self, namespace: dict[str, Any]):
        self.namespace = namespace
        self.names: dict[str, Any] = {}
        self.library: list[tuple[Any, dict[str, Any]]] = []
        self.keep_library()

    def keep_library(self) -> None:
        """Note the functions and classes of the library's modules as they are now; a part noted before stays."""
        known = {id(owner) for owner, _ in self.library}
        for name, module in list(sys.modules.items()):
            if name in LIBRARY or name.startswith("cai_helpers."):
                owners = [module, *(part for part in vars(module).values() if _own_class(part, name))]
                fresh = [owner for owner in owners if id(owner) not in known]
                self.library += [(owner, _functions(owner)) for owner in fresh]
                known.update(id(owner) for owner in fresh)

    def keep_names(self, names: Collection[str]) -> None:
        """Note what a given cell has just defined; later given cells may define a name anew."""
        for name in names:
            if name in self.namespace:
                value = self.namespace[name]
                self.names[name] = (value, copy.deepcopy(value) if _TYPE(value) in DATA else value)

    @contextlib.contextmanager
    def restored(self, free: Collection[str] = ()) -> Iterator[None]:
        """Everything noted is in place inside; the learner's own come back after. free: names that answers define."""
        changed = []
        for owner, functions in self.library:
            now = vars(owner)
            for name, value in functions.items():
                if now.get(name) is not value:
                    changed.append((owner, name, now.get(name)))
                    setattr(owner, name, value)
        before = dict(self.namespace)
        for name, (value, safe) in self.names.items():
            if name not in free:
                self.namespace[name] = value if _same(value, safe) else copy.deepcopy(safe)
        try:
            yield
        finally:
            for owner, name, value in changed:
                setattr(owner, name, value)
            self.namespace.update({name: before[name] for name in self.names if name in before})


def _own_class(part: Any, module: str) -> bool:
    return _ISINSTANCE(part, type) and part.__module__ == module and module.startswith("cai_helpers")


def _functions(owner: Any) -> dict[str, Any]:
    kinds = (*FUNCTIONS, staticmethod, classmethod, property)
    skipped = {"__dict__", "__weakref__", "__class__"}
    return {n: v for n, v in vars(owner).items() if isinstance(v, kinds) and n not in skipped}


def _same(value: Any, safe: Any) -> bool:
    try:
        return value is safe or bool(value == safe)
    except Exception:
        return False
