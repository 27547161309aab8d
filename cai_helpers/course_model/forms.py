"""The form filler: a JSON answer with the keys that were asked for, by schema or by example.

What goes into a field is decided by its name and type: "violated" gets a boolean, "quote" the offending words,
"rule_1" the verdict on that principle, "revised_response" the rewritten reply, and so on.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .critic import Opinion

_GOOD_KEY = re.compile(
    r"pass|safe(?!ty)|\bok\b|compl(?:y|i|e)|kept|keeps|clean|allowed|accept|approve|follow|respect|harmless"
)
_REVISED_KEY = re.compile(
    r"revis|rewrit|correct|clean_?(?:response|reply|text|version)|fixed|improved|new_?(?:response|reply|text)|"
    r"safe_?(?:response|reply|version)|final_?(?:response|reply|text)"
)
_REASON_KEY = re.compile(
    r"explan|reason|why|analys|critique|comment|rationale|justif|note|thought|summary|description|message|"
    r"feedback"
)
_QUOTE_KEY = re.compile(r"quot|evidence|excerpt|span|passage|offend|words|sentence|text")
_ID_KEY = re.compile(r"principle|rule|\bid\b|_id|name|criterion|policy|guideline")
_VERDICT_KEY = re.compile(
    r"verdict|violat|broken|breach|result|status|label|grade|decision|flag|unsafe|harmful|answer|judg|"
    r"rating|pass|compli|outcome"
)
_NUMBER_KEY = re.compile(r"score|severity|confidence|rating|probab|count|number|level")


@dataclass(frozen=True)
class Filling:
    """What there is to tell: all opinions, the rewritten reply, and the offered (bad, good) words."""

    opinions: tuple[Opinion, ...]
    whole: Opinion
    revised: str
    words: tuple[str, str]


def fill(schema: dict[str, Any], filling: Filling) -> str:
    """The JSON text."""
    return json.dumps(_value("", schema, filling, filling.whole, schema), ensure_ascii=False, indent=2)


def _value(key: str, schema: dict[str, Any], filling: Filling, opinion: Opinion, root: dict[str, Any]) -> Any:
    """The value of one field, by its name, its schema and the opinion it is about."""
    schema = _resolve(schema, root)
    if "const" in schema:
        return schema["const"]
    kinds = schema.get("type")
    kinds = set(kinds) if isinstance(kinds, list) else ({kinds} if kinds else set())
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower()
    if "properties" in schema or "object" in kinds:
        return _object(schema, filling, opinion, root)
    if "array" in kinds or "items" in schema:
        return _array(name, schema, filling, opinion, root)
    if schema.get("enum"):
        return _from_enum(schema["enum"], opinion)
    if "boolean" in kinds:
        return _truth(name, opinion, "null" in kinds)
    if kinds & {"integer", "number"}:
        return _number(name, schema, opinion, filling)
    return _text(name, kinds, filling, opinion)


def _resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: Any = root
        for part in reference[2:].split("/"):
            target = target.get(part, {}) if isinstance(target, dict) else {}
        return target if isinstance(target, dict) else {}
    options = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(options, list):
        real = [o for o in options if isinstance(o, dict) and o.get("type") != "null"]
        first = dict(_resolve(real[0], root)) if real else {}
        if len(real) < len(options) and isinstance(first.get("type"), str):
            first["type"] = [first["type"], "null"]
        return first
    return schema


def _object(schema: dict[str, Any], filling: Filling, opinion: Opinion, root: dict[str, Any]) -> dict[str, Any]:
    by_id = {item.principle.id.lower(): item for item in filling.opinions}
    fields = schema.get("properties") or {}
    if not fields:
        inner = schema.get("additionalProperties")
        inner = inner if isinstance(inner, dict) else {}
        return {item.principle.id: _value("verdict", inner, filling, item, root) for item in filling.opinions}
    return {
        key: _value(
            key if key.lower() not in by_id else "verdict",
            inner if isinstance(inner, dict) else {},
            filling,
            by_id.get(key.lower(), opinion),
            root,
        )
        for key, inner in fields.items()
    }


def _array(name: str, schema: dict[str, Any], filling: Filling, opinion: Opinion, root: dict[str, Any]) -> list[Any]:
    items = schema.get("items") if isinstance(schema.get("items"), dict) else {}
    items = _resolve(items or {}, root)
    broken = [o for o in filling.opinions if o.violated or o.violated is None]
    only_broken = re.search(r"violat|broken|finding|problem|issue|breach", name) and not re.search(
        r"verdict|result|each|all", name
    )
    if "properties" in items or items.get("type") == "object":
        about = broken if only_broken else list(filling.opinions)
        return [_object(items, filling, item, root) for item in about]
    if _QUOTE_KEY.search(name):
        return list(opinion.quotes)
    if _REASON_KEY.search(name):
        return [item.reason for item in broken]
    ids = items.get("enum")
    found = [item.principle.id for item in broken]
    return [ident for ident in found if ident in ids] if ids else found


def _from_enum(options: list[Any], opinion: Opinion) -> Any:
    from .instruction import offered_words

    texts = [str(option) for option in options]
    if opinion.violated is None:
        unclear = next(
            (
                o
                for o in options
                if o is None or re.search(r"unclear|unsure|unknown|cannot|n/a|undecided", str(o), re.I)
            ),
            ...,
        )
        if unclear is not ...:
            return unclear
    pair = offered_words(" or ".join(text.upper().replace("_", " ") for text in texts))
    word = (pair[0] if opinion.violated is not False else pair[1]) if pair else ""
    match = next((o for o, text in zip(options, texts, strict=True) if text.upper().replace("_", " ") == word), None)
    if match is not None:
        return match
    if set(options) <= {True, False}:
        return opinion.violated is not False
    if opinion.principle.id in options:
        return opinion.principle.id
    return options[0] if opinion.violated is not False else options[-1]


def _truth(name: str, opinion: Opinion, nullable: bool) -> bool | None:
    """Not judged is null where the form allows it, else the answer that lets nothing pass."""
    if opinion.violated is None and nullable:
        return None
    broken = opinion.violated is not False
    good = _GOOD_KEY.search(name) and not re.search(r"unsafe|violat|non_?compl|not_", name)
    return not broken if good else broken


def _number(name: str, schema: dict[str, Any], opinion: Opinion, filling: Filling) -> float | int:
    broken = opinion.violated is not False
    if re.search(r"count|number|how_many|total", name):
        return sum(item.violated is not False for item in filling.opinions)
    low, high = schema.get("minimum", 0), schema.get("maximum", 1 if "number" in str(schema.get("type")) else 10)
    if "confidence" in name:
        value = low + (high - low) * 0.9
    else:
        good = _GOOD_KEY.search(name) and not re.search(r"unsafe|violat", name)
        value = high if broken != bool(good) else low
    return int(value) if "integer" in str(schema.get("type")) else round(float(value), 3)


def _text(name: str, kinds: set[Any], filling: Filling, opinion: Opinion) -> Any:
    reason = opinion.reason if opinion.violated is not None else f"I cannot judge this principle: {opinion.reason}"
    if _REVISED_KEY.search(name):
        return filling.revised
    if _REASON_KEY.search(name):
        return reason
    if _QUOTE_KEY.search(name) and not name.startswith("verdict"):
        return opinion.quotes[0] if opinion.quotes else (None if "null" in kinds else "")
    if _VERDICT_KEY.search(name) and not re.search(r"violated_?(?:rule|principle)", name):
        if opinion.violated is None:
            return "UNCLEAR"
        return filling.words[0] if opinion.violated else filling.words[1]
    if _ID_KEY.search(name):
        return opinion.principle.id
    return reason
