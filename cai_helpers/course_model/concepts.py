"""The concept files: loading, checking and compiling them, family by family and only when needed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .patterns import CONTEXTS, Lexicon, Pattern, PatternError, compile_pattern
from .scopes import LISTS, Scopes

FOLDER = Path(__file__).parent / "data" / "concepts"
FAMILIES = ("harm", "illegality", "honesty", "bias", "privacy", "manipulation", "promises", "internal_figures",
            "blame", "secrets", "advice", "tone")
_FAMILY_KEYS = {"family", "about", "named_by", "topics", "concepts", "facets"}
_FACET_KEYS = {"id", "about", "named_by", "signs", "clues", "unless", "unless_text", "counts_in",
               "reason"}


class ConceptError(ValueError):
    """A concept file that cannot be used; the message names the file, the facet and what to mend."""


@dataclass
class Facet:
    ident: str
    reason: str
    signs: list[Pattern]
    clues: list[list[Pattern]]
    unless: list[Pattern]
    unless_text: list[Pattern]
    named_by: list[str]


@dataclass
class Family:
    ident: str
    facets: list[Facet]
    lexicon: Lexicon
    by_key: dict[int, list[Pattern]]
    regexes: list[Pattern]
    named_by: list[str]


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
        raise ConceptError(f'{name}, {where}: the id stands twice: give each facet its own')
    seen.add(facet["id"])
    for key in ("named_by", "signs", "unless", "unless_text", "counts_in"):
        _strings(name, where, key, facet.get(key, []))
    clues = facet.get("clues", {})
    if not isinstance(clues, dict) or len(clues) == 1:
        raise ConceptError(f'{name}, {where}: "clues" must be an object with at least two named lists of patterns')
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
    _keys("shared.json", "the file", data, {"about", "concepts", "scopes", "principles"},
          {"concepts", "scopes", "principles"})
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


@lru_cache(maxsize=None)
def family(ident: str) -> Family:
    """One family, compiled at first use and kept."""
    return compile_family(f"{ident}.json", load(FOLDER / f"{ident}.json"), shared()["concepts"])


def compile_family(name: str, data: dict[str, Any], common: dict[str, list[str]]) -> Family:
    """Check and compile a family file. Raises ConceptError that names file, facet and what to mend."""
    check_family(name, data)
    lexicon = Lexicon({**common, **data.get("concepts", {})})
    facets = [_compile_facet(name, number, facet, lexicon) for number, facet in enumerate(data["facets"])]
    by_key: dict[int, list[Pattern]] = {}
    regexes = []
    for facet in facets:
        for sign in facet.signs:
            if sign.regex:
                regexes.append(sign)
            else:
                by_key.setdefault(sign.key, []).append(sign)
    return Family(data["family"], facets, lexicon, by_key, regexes, data["named_by"])


def _compile_facet(name: str, number: int, data: dict[str, Any], lexicon: Lexicon) -> Facet:
    counts_in = frozenset(data.get("counts_in", []))
    compiled: dict[str, list[Pattern]] = {}
    for key in ("signs", "unless", "unless_text"):
        compiled[key] = []
        for source in data.get(key, []):
            try:
                compiled[key].append(compile_pattern(source, number, lexicon, counts_in))
            except PatternError as error:
                raise ConceptError(f'{name}, facet "{data["id"]}", {key}: {error}') from None
    clues = []
    for clue, sources in data.get("clues", {}).items():
        try:
            clues.append([compile_pattern(source, number, lexicon, counts_in) for source in sources])
        except PatternError as error:
            raise ConceptError(f'{name}, facet "{data["id"]}", clue "{clue}": {error}') from None
    return Facet(data["id"], data["reason"], compiled["signs"], clues, compiled["unless"], compiled["unless_text"],
                 data["named_by"])


def families() -> list[Family]:
    """All twelve families, compiled."""
    return [family(ident) for ident in FAMILIES]
