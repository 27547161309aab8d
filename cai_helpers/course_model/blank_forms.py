"""The form reader: which JSON is asked for? A schema, an example as people write it, or a list of keys."""

from __future__ import annotations

import json
import re
from typing import Any

_BLOCK = re.compile(r"\{[^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*\}", re.S)


_ASKS_JSON = re.compile(
    r"(?<!this )(?<!the following )(?<!given )(?<!the )\bjson\b|\bjson (?:object|format|with|only)\b", re.I
)


_KEYS_IN_PROSE = re.compile(r"\b(?:keys?|fields?|properties|attributes)\b(?:[^:\n\"'`]{0,30}:)?\s*([^\n]+)", re.I)


def wanted(instruction: str, schema: dict[str, Any] | None, json_mode: bool) -> dict[str, Any] | None:
    """The JSON schema of the asked answer: given, read off an example, or off a list of keys; None: no JSON."""
    if schema is not None:
        return schema
    if not json_mode and not _ASKS_JSON.search(instruction):
        return None
    for block in reversed(_BLOCK.findall(instruction.replace("{{", "{").replace("}}", "}"))):
        example = _parse_example(block)
        if example:
            return _from_example(example)
    keys = _keys_in_prose(instruction)
    names = keys or {"violated": {"type": "boolean"}, "quote": {}, "explanation": {}}
    return {"type": "object", "properties": names}


def _parse_example(block: str) -> dict[str, Any] | None:
    """An example object as people write it: true/false, "A" | "B", <text>, trailing commas, comments."""
    text = re.sub(r"(?<!:)//[^\n]*", "", block)
    text = re.sub(
        r"\btrue\b\s*(?:/|\||or)\s*\bfalse\b|\bfalse\b\s*(?:/|\||or)\s*\btrue\b|<\s*bool(?:ean)?\s*>|\bbool(?:ean)?\b"
        r"(?=\s*[,}\n])",
        "true",
        text,
        flags=re.I,
    )
    text = re.sub(r"(\"[^\"\n]*\")((?:\s*(?:\||/|or)\s*\"[^\"\n]*\")+)", _join_choices, text)
    text = re.sub(r"<[^<>\n]*>(?=\s*[,}\]\n])", '"..."', text) if not re.search(r"\"[^\"\n]*<", text) else text
    text = re.sub(r":\s*\.\.\.(?=\s*[,}\]])", ': "..."', text)
    text = re.sub(r",\s*\.\.\.\s*(?=[\]}])|\.\.\.\s*(?=[\]}])(?<!\"\.\.\.)", "", text)
    text = re.sub(
        r":\s*([A-Za-z_][\w ]*?)(?=\s*[,}\n])",
        lambda m: m.group(0) if m.group(1) in ("true", "false", "null") else f': "{m.group(1)}"',
        text,
    )
    text = re.sub(r"'([^'\n]*)'", r'"\1"', text) if '"' not in text else text
    text = re.sub(r",(\s*[}\]])", r"\1", text)
    try:
        value = json.loads(text)
    except ValueError:
        keys = re.findall(r"[\"']([\w -]+)[\"']\s*:", block)
        value = {
            key: True if re.search(rf"[\"']{re.escape(key)}[\"']\s*:\s*(?:true|false|<?bool)", block, re.I) else "..."
            for key in keys
        }
    return value if isinstance(value, dict) and value else None


def _join_choices(match: re.Match[str]) -> str:
    choices = re.findall(r"\"([^\"\n]*)\"", match.group(0))
    return json.dumps("|".join(choices))


def _from_example(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"type": "object", "properties": {key: _from_example(inner) for key, inner in value.items()}}
    if isinstance(value, list):
        return {"type": "array", "items": _from_example(value[0]) if value else {}}
    if isinstance(value, bool):
        return {"type": ["boolean", "null"]}
    if isinstance(value, (int, float)):
        return {"type": "integer" if isinstance(value, int) else "number"}
    if isinstance(value, str) and re.fullmatch(r"\s*true\s*(?:/|\||or)\s*false\s*", value, re.I):
        return {"type": ["boolean", "null"]}
    parts = [part.strip() for part in re.split(r"\||/|\bor\b", value)] if isinstance(value, str) else []
    return {"enum": parts} if len(parts) > 1 and all(0 < len(part) < 25 for part in parts) else {}


def _keys_in_prose(instruction: str) -> dict[str, dict[str, Any]]:
    match = _KEYS_IN_PROSE.search(instruction)
    if not match:
        return {}
    named = re.findall(r"[\"'`]([A-Za-z_]\w*)[\"'`]\s*(\([^)]*\))?", match.group(1))
    if not named:
        named = [
            (w, note)
            for w, note in re.findall(r"\b([a-z][a-z_]+)\b\s*(\([^)]*\))?", match.group(1))
            if w not in ("and", "the", "a", "with", "keys", "key", "no", "other", "text", "only", "following", "or")
        ]
    return {
        key: {"type": ["boolean", "null"]}
        if "bool" in note or re.match(r"(?:is_)?violat(?:ed|es)|broken|flagged", key)
        else {}
        for key, note in named
    }
