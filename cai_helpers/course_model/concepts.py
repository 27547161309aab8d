"""The concept files: loading, checking and compiling them, family by family and only when needed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from .patterns import CONTEXTS, Lexicon, Pattern, PatternError, compile_pattern, rarest, read_pattern
from .scopes import LISTS, Scopes

T = TypeVar("T")

FOLDER = Path(__file__).parent / "data" / "concepts"
FAMILIES = (
    "harm",
    "illegality",
    "honesty",
    "bias",
    "privacy",
    "manipulation",
    "promises",
    "internal_figures",
    "blame",
    "secrets",
    "advice",
    "tone",
)
_FAMILY_KEYS = {"family", "about", "named_by", "topics", "concepts", "facets"}
_FACET_KEYS = {"id", "about", "named_by", "signs", "clues", "unless", "unless_text", "counts_in", "reason"}


class ConceptError(ValueError):
    """A concept file that cannot be used; the message names the file, the facet and what to mend."""


@dataclass
class Facet:
    """One kind of violation: strong signs, weak clues, what vetoes them, and what the critic says."""

    ident: str
    reason: str
    signs: list[Pattern]
    clues: list[list[Pattern]]
    unless: list[Pattern]
    unless_text: list[Pattern]


@dataclass
class Family:
    """A family ready for use: `by_key` leads from an atom to the patterns that need it."""

    ident: str
    facets: list[Facet]
    by_key: dict[int, list[Pattern]]
    clues_by_key: dict[int, list[tuple[str, Pattern]]]
    regexes: list[Pattern]


def load(path: Path) -> dict[str, Any]:
    """Read one concept file. Raises ConceptError when it is missing or not JSON."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConceptError(f"{path.name}: the file is missing; put it into {path.parent.name}/") from None
    except json.JSONDecodeError as error:
        raise ConceptError(f"{path.name}: not good JSON at line {error.lineno}: {error.msg}") from None
    if not isinstance(data, dict):
        raise ConceptError(f"{path.name}: the file must hold one object {{...}}")
    return data


def check_family(name: str, data: dict[str, Any]) -> None:
    """Check keys and types of a family file. Raises ConceptError."""
    _keys(name, "the family", data, _FAMILY_KEYS, {"family", "named_by", "facets"})
    if data["family"] not in FAMILIES:
        raise ConceptError(f'{name}: "{data["family"]}" is not a family id: use one of {", ".join(FAMILIES)}')
    for key in ("named_by", "topics"):
        _strings(name, "the family", key, data.get(key, []))
    check_concepts(name, data.get("concepts", {}))
    if not isinstance(data["facets"], list) or not data["facets"]:
        raise ConceptError(f'{name}: "facets" must be a list with at least one facet')
    seen: set[str] = set()
    for number, facet in enumerate(data["facets"], 1):
        _check_facet(name, number, facet, seen)


def _check_facet(name: str, number: int, facet: Any, seen: set[str]) -> None:
    if not isinstance(facet, dict):
        raise ConceptError(f"{name}, facet {number}: must be an object {{...}}")
    where = f'facet "{facet.get("id", number)}"'
    _keys(name, where, facet, _FACET_KEYS, {"id", "named_by", "signs", "reason"})
    if not isinstance(facet["id"], str) or not re.fullmatch(r"[a-z][a-z0-9_]*", facet["id"]):
        raise ConceptError(f'{name}, {where}: "id" must be lower-case letters, digits and "_"')
    if facet["id"] in seen:
        raise ConceptError(f"{name}, {where}: the id stands twice: give each facet its own")
    seen.add(facet["id"])
    for key in ("named_by", "signs", "unless", "unless_text", "counts_in"):
        _strings(name, where, key, facet.get(key, []))
    clues = facet.get("clues", {})
    if not isinstance(clues, dict):
        raise ConceptError(f'{name}, {where}: "clues" must be an object of named lists of patterns')
    for clue, patterns in clues.items():
        _strings(name, where, f'clue "{clue}"', patterns)
    if not facet["signs"]:
        raise ConceptError(f'{name}, {where}: "signs" is empty: add at least one pattern')
    for context in facet.get("counts_in", []):
        if context not in CONTEXTS:
            raise ConceptError(f'{name}, {where}: "{context}" in "counts_in" is unknown: use {", ".join(CONTEXTS)}')
    if not isinstance(facet["reason"], str) or not facet["reason"].strip().endswith("."):
        raise ConceptError(f'{name}, {where}: "reason" must be one sentence that ends in "."')


def check_concepts(name: str, concepts: Any) -> None:
    """Check the part "concepts" of any concept file. Raises ConceptError."""
    if not isinstance(concepts, dict):
        raise ConceptError(f'{name}: "concepts" must be an object of word lists')
    for concept, words in concepts.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]*", concept):
            raise ConceptError(f'{name}: the concept name "{concept}" must be lower-case letters, digits and "_"')
        _strings(name, f'concept "{concept}"', "its list", words)
        if not words:
            raise ConceptError(f'{name}, concept "{concept}": the list is empty: add words')


def _keys(name: str, where: str, data: dict, allowed: set[str], needed: set[str]) -> None:
    for key in sorted(needed - set(data)):
        raise ConceptError(f'{name}, {where}: "{key}" is missing')
    for key in sorted(set(data) - allowed):
        raise ConceptError(f'{name}, {where}: "{key}" is unknown: use {", ".join(sorted(allowed))}')


def _strings(name: str, where: str, key: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(v, str) and v.strip() for v in value):
        raise ConceptError(f"{name}, {where}: {key} must be a list of texts that are not empty")


# ---------------------------------------------------------------- compiling


@lru_cache(maxsize=1)
def shared() -> dict[str, Any]:
    """The shared file: concepts, scope cues and the words that put a principle outside."""
    data = load(FOLDER / "shared.json")
    _keys(
        "shared.json",
        "the file",
        data,
        {"about", "concepts", "scopes", "principles"},
        {"concepts", "scopes", "principles"},
    )
    check_concepts("shared.json", data["concepts"])
    for part, names in (("scopes", LISTS), ("principles", ("outside", "vague", "asks_for", "forbids"))):
        _keys("shared.json", f'"{part}"', data[part], set(names), set(names))
        for key, value in data[part].items():
            _strings("shared.json", f'"{part}"', key, value)
    return data


@lru_cache(maxsize=1)
def scopes() -> Scopes:
    """The compiled scope cues of the shared file."""
    try:
        return Scopes(shared()["scopes"])
    except re.error as error:
        raise ConceptError(f'shared.json, "scopes": {error}') from None


@cache
def source(ident: str) -> dict[str, Any]:
    """The checked content of a family's concept file."""
    data = load(FOLDER / f"{ident}.json")
    check_family(f"{ident}.json", data)
    if data["family"] != ident:
        raise ConceptError(f'{ident}.json, the family: "family" must be "{ident}", like the name of the file')
    return data


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The words of all concepts, shared and of the families, entered once."""
    words = Lexicon()
    _add(words, "shared.json", "", shared()["concepts"])
    for ident in FAMILIES:
        _add(words, f"{ident}.json", ident, source(ident).get("concepts", {}))
    return words


def _add(words: Lexicon, name: str, scope: str, concepts: dict[str, list[str]]) -> None:
    try:
        words.add_concepts(scope, concepts)
    except PatternError as error:
        raise ConceptError(f'{name}, "concepts": {error}') from None


def settled(look: Callable[[], T]) -> T:
    """What `look` finds. Patterns are compiled when first needed; their words enter the lexicon, and it looks again."""
    for _ in range(8):
        version = lexicon().version
        found = look()
        if lexicon().version == version:
            break
    return found


@cache
def family(ident: str) -> Family:
    """One family, made ready at first use and kept."""
    return make_family(f"{ident}.json", source(ident), lexicon())


def make_family(name: str, data: dict[str, Any], words: Lexicon) -> Family:
    """Make a checked family file ready. Raises ConceptError that names file, facet and what to mend."""
    made = Family(data["family"], [], {}, {}, [])
    for number, facet in enumerate(data["facets"]):
        made.facets.append(_make_facet(name, number, facet, data["family"]))
        for pattern in made.facets[-1].signs:
            if pattern.regex:
                made.regexes.append(pattern)
                continue
            for atom in _guard(name, data, number, "signs", rarest, pattern, words):
                made.by_key.setdefault(atom, []).append(pattern)
        for place, clue in enumerate(made.facets[-1].clues):
            for pattern in clue:
                for atom in _guard(name, data, number, "clues", rarest, pattern, words):
                    made.clues_by_key.setdefault(atom, []).append((f"clue:{facet['id']}:{place}", pattern))
    return made


def _make_facet(name: str, number: int, data: dict[str, Any], scope: str) -> Facet:
    counts_in = frozenset(data.get("counts_in", []))
    read: dict[str, list[Pattern]] = {}
    for key in ("signs", "unless", "unless_text"):
        read[key] = [_read(name, data, key, line, number, scope, counts_in) for line in data.get(key, [])]
    clues = [
        [_read(name, data, f'clue "{clue}"', line, number, scope, counts_in) for line in sources]
        for clue, sources in data.get("clues", {}).items()
    ]
    return Facet(data["id"], data["reason"], read["signs"], clues, read["unless"], read["unless_text"])


def _read(name: str, data: dict, key: str, line: str, number: int, scope: str, counts_in: frozenset[str]) -> Pattern:
    try:
        return read_pattern(line, number, scope, counts_in)
    except PatternError as error:
        raise ConceptError(f'{name}, facet "{data["id"]}", {key}: {error}') from None


def _guard(name: str, data: dict, number: int, key: str, do: Any, *args: Any) -> Any:
    try:
        return do(*args)
    except PatternError as error:
        raise ConceptError(f'{name}, facet "{data["facets"][number]["id"]}", {key}: {error}') from None


def families() -> list[Family]:
    """All twelve families, ready for use."""
    return [family(ident) for ident in FAMILIES]


def check_all() -> None:
    """Compile every pattern of every file now, not only when it is first needed. Raises ConceptError."""
    for ident in FAMILIES:
        check_patterns(f"{ident}.json", source(ident), lexicon())


def check_patterns(name: str, data: dict[str, Any], words: Lexicon) -> None:
    """Compile every pattern of one family file. Raises ConceptError that names file, facet and what to mend."""
    made = make_family(name, data, words)
    for number, facet in enumerate(made.facets):
        groups = {"signs": facet.signs, "unless": facet.unless, "unless_text": facet.unless_text}
        groups |= {
            f'clue "{clue}"': patterns
            for clue, patterns in zip(data["facets"][number].get("clues", {}), facet.clues, strict=False)
        }
        for key, patterns in groups.items():
            for pattern in patterns:
                if not pattern.compiled:
                    _guard(name, data, number, key, compile_pattern, pattern, words)
    for where, lines in [("the family", data["named_by"] + data.get("topics", []))] + [
        (f'facet "{facet["id"]}"', facet["named_by"]) for facet in data["facets"]
    ]:
        for line in lines:
            try:
                compile_pattern(read_pattern(line, 0, ""), words) if line[0] != "/" else read_pattern(line, 0, "")
            except PatternError as error:
                raise ConceptError(f"{name}, {where}, named_by: {error}") from None
