"""Answers as JSON: `call_json` asks for a form, reads the answer strictly, and checks it. It never guesses.

The form is a JSON Schema of few keywords (https://json-schema.org/draft/2020-12): type, properties, required, enum,
items, additionalProperties. A keyword that would not be checked is an error, so nothing passes unchecked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from cai_helpers.client import current_client
from cai_helpers.errors import ADVICE, LLMError

if TYPE_CHECKING:
    from cai_helpers.client import Client

CHECKED = ("type", "properties", "required", "enum", "items", "additionalProperties")
IGNORED = (
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$id",
    "$comment",
)  # these allow and forbid nothing
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": (int, float),
    "boolean": bool,
    "null": type(None),
}

INSTRUCTION = """Answer with one JSON value and nothing else: no words before or after it, no code fence.
It must fit this JSON Schema:
{schema}"""
AGAIN = """{question}

Your last answer could not be used: {problem}. Answer again with the JSON value alone, exactly in the form asked for."""


def call_json(system_prompt: str, user_message: str, schema: dict[str, Any], max_tokens: int = 4096) -> Any:
    """Ask the connected model once and give its answer as the object that the schema describes.

    An answer that is no JSON, or does not fit, is asked for once more. LLMError ("invalid_json", "refusal",
    "truncated", ...) where there is still none; ValueError for a schema with a keyword that is not checked here.
    """
    return json_from(current_client(), system_prompt, user_message, schema, max_tokens)


def json_from(
    client: Client,
    system_prompt: str,
    user_message: str,
    schema: dict[str, Any],
    max_tokens: int = 4096,
    problem_of: Callable[[Any], str] = lambda answer: "",
) -> Any:
    """`call_json` from this client. problem_of: what else is wrong with an answer that fits, in a few words, or ""."""
    check_schema(schema)
    question = user_message
    for _ in (1, 2):
        text = client.wire["read"](client.ask(partial(body, client, system_prompt, question, schema, max_tokens)))
        try:
            answer = read_json_text(text)
            problem = mismatch(answer, schema) or problem_of(answer)
        except ValueError as error:
            problem = str(error)
        if not problem:
            return answer
        question = AGAIN.format(question=user_message, problem=problem)
    message = ADVICE["invalid_json"].format(problem=problem)
    raise LLMError(message, type="invalid_json", status=200, attempts=2, text=text)


def body(client: Client, system: str, user: str, schema: dict[str, Any], max_tokens: int) -> dict[str, Any]:
    """The request: with the wire's own field where the model has it, with words where it may not have it."""
    known, field = client.takes["schema"], client.wire["schema_field"]
    native = known is not False and field not in client.refused and can_close(schema)
    if not (native and known):
        words = INSTRUCTION.format(schema=json.dumps(schema, ensure_ascii=False))
        system = f"{system}\n\n{words}" if system else words
    payload = client.wire["build"](client.model, system, user, None, max_tokens)
    return client.wire["schema"](payload, closed(schema), requires_all(schema)) if native else payload


def parts_of(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas of fields and items inside a schema."""
    return [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]


def is_object(schema: dict[str, Any]) -> bool:
    """Whether a schema describes an object."""
    return "properties" in schema or "object" in names_of_types(schema)


def can_close(schema: dict[str, Any]) -> bool:
    """Whether every object can forbid fields that it does not name, as the vendors' schema output demands."""
    shut = "properties" in schema and schema.get("additionalProperties", False) is False
    return (shut or not is_object(schema)) and all(map(can_close, parts_of(schema)))


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with every object closed. What fits it fits the first one too."""
    copy = dict(schema)
    if is_object(schema):
        copy["properties"] = {name: closed(part) for name, part in schema["properties"].items()}
        copy["additionalProperties"] = False
    if "items" in schema:
        copy["items"] = closed(schema["items"])
    return copy


def requires_all(schema: dict[str, Any]) -> bool:
    """Whether every object requires each of its fields: only then does OpenAI take the schema as strict."""
    whole = {*schema.get("properties", {})} == {*schema.get("required", [])}
    return (whole or not is_object(schema)) and all(map(requires_all, parts_of(schema)))


def read_json_text(text: str) -> Any:
    """The one JSON value of an answer. A code fence around all of it is taken off; ValueError for anything else."""
    fenced = re.fullmatch(r"\s*```(?:json|JSON)?\s(.*)```\s*", text, re.DOTALL)
    try:
        return json.loads(
            fenced[1] if fenced else text,
            object_pairs_hook=no_duplicates,
            parse_constant=finite,
            parse_float=finite,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}, line {error.lineno})") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object from its fields. ValueError where a name comes twice: readers differ on which one counts."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None) if len({*names}) < len(names) else None
    if twice is not None:
        raise ValueError(f"the field {shown(twice)} is there twice")
    return dict(pairs)


def finite(word: str) -> float:
    """The number that a word stands for. NaN, Infinity and 1e999 are no JSON, though Python would read them."""
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"{word[:20]} is no number in JSON")
    return number


def check_schema(schema: Any, place: str = "the schema") -> None:
    """ValueError, in one sentence, for a schema that could not be checked in full."""
    if not isinstance(schema, dict):
        raise ValueError(f"{place} must be a dict.")
    strange = [name for name in schema if name not in CHECKED + IGNORED]
    if strange:
        raise ValueError(f'{place} uses "{strange[0]}", which is not checked here. Known: {", ".join(CHECKED)}.')
    unknown = [name for name in names_of_types(schema) if name not in [*TYPES]]
    if unknown:
        raise ValueError(f"{place} has the type {unknown[0]!r}. Known: {', '.join(TYPES)}.")
    shapes = {"properties": dict, "required": list, "enum": list, "items": dict}
    wrong = [name for name, kind in shapes.items() if name in schema and not isinstance(schema[name], kind)]
    if wrong:
        raise ValueError(f'"{wrong[0]}" of {place} must be a {shapes[wrong[0]].__name__}.')
    further = schema.get("additionalProperties", True)
    parts = {**schema.get("properties", {}), **({"items": schema["items"]} if "items" in schema else {})}
    parts |= {} if isinstance(further, bool) else {"additionalProperties": further}
    for name, part in parts.items():
        check_schema(part, f'"{name}" in {place}')


def names_of_types(schema: dict[str, Any]) -> list[Any]:
    """The types that a schema allows, as a list; empty where it allows all."""
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def mismatch(value: Any, schema: dict[str, Any], place: str = "the answer") -> str:
    """What in a value does not fit a schema, in a few words; "" where all fits."""
    kinds = names_of_types(schema)
    if kinds and not any(is_of(value, kind) for kind in kinds):
        return f"{place} must be of the type {' or '.join(kinds)}"
    if "enum" in schema and not any(same(value, allowed) for allowed in schema["enum"]):
        return f"{place} must be one of {shown(schema['enum'])}"
    if isinstance(value, dict):
        return object_mismatch(value, schema, place)
    if isinstance(value, list) and "items" in schema:
        found = (mismatch(item, schema["items"], f"{place}[{n}]") for n, item in enumerate(value))
        return next(filter(None, found), "")
    return ""


def object_mismatch(value: dict[str, Any], schema: dict[str, Any], place: str) -> str:
    """The same for the fields of an object."""
    fields, further = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", []):
        if name not in value:
            return f"{place} lacks the field {shown(name)}"
    for name, part in value.items():
        if name not in fields and further is False:
            return f"{place} has the field {shown(name)}, which the schema does not know"
        wanted = fields.get(name, further if isinstance(further, dict) else {})
        if problem := mismatch(part, wanted, f"{place}.{name[:40]}"):
            return problem
    return ""


def is_of(value: Any, kind: str) -> bool:
    """Whether a value is of a JSON type. True is no number, and 2.0 is an integer, as the standard says."""
    if isinstance(value, bool):
        return kind == "boolean"
    whole = not isinstance(value, float) or value.is_integer()
    return isinstance(value, TYPES[kind]) and (kind != "integer" or whole)


def same(one: Any, other: Any) -> bool:
    """Equality as JSON has it: 1 is 1.0 and not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def shown(value: Any) -> str:
    """A value in a sentence, short and in one line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."
