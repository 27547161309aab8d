"""call_json: what is asked for on each wire, and every answer that must not pass."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import answer, chat_answer, failure, serving

from cai_helpers import LLMError, call_json, client, connect
from cai_helpers.json_answer import check_schema, closed, mismatch, read_json_text

KEY = "sk-test-4f9a77c1e2b35d60"
VERDICT = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["VIOLATED", "NOT VIOLATED"]},
        "quotes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["verdict", "quotes"],
    "additionalProperties": False,
}
GOOD = {"verdict": "VIOLATED", "quotes": ["so"]}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (
        "CAI_BACKEND",
        "CAI_MODEL",
        "CAI_BASE_URL",
        "COMPATIBLE_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_current", None)


def text(words):
    return answer({"type": "text", "text": words})


def ask(backend, *script, schema=VERDICT, **options):
    """One call_json against the script: the object or the LLMError, the bodies, the client."""
    with serving(*script) as server:
        made = connect(backend, api_key=KEY, base_url=server.url, sleep=lambda seconds: None, **options)
        try:
            result = call_json("Be strict.", "Judge.", schema)
        except LLMError as error:
            result = error
    return result, [request["body"] for request in server.seen], made


def test_on_the_anthropic_wire():
    result, bodies, _ = ask("anthropic", text(json.dumps(GOOD)))
    assert result == GOOD
    assert bodies[0]["output_config"] == {"format": {"type": "json_schema", "schema": VERDICT}}
    assert bodies[0]["system"] == "Be strict."


def test_on_the_openai_wire():
    result, bodies, _ = ask("openai", chat_answer(json.dumps(GOOD)))
    named = {"name": "answer", "strict": True, "schema": VERDICT}
    assert result == GOOD and bodies[0]["response_format"] == {"type": "json_schema", "json_schema": named}


def test_an_open_schema_is_closed_on_the_wire_and_not_strict():
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]}
    result, bodies, _ = ask("openai", chat_answer('{"a": "x"}'), schema=schema)
    sent = bodies[0]["response_format"]["json_schema"]
    assert result == {"a": "x"} and sent["strict"] is False
    assert sent["schema"] == {**schema, "additionalProperties": False} and "additionalProperties" not in schema


@pytest.mark.parametrize(
    ("backend", "model", "schema"),
    [
        ("anthropic", "claude-3-5-haiku-20241022", VERDICT),  # has no schema output
        ("anthropic", "claude-haiku-5-5", {"type": "object"}),  # free fields: the wire cannot say so
        (
            "anthropic",
            "claude-haiku-5-5",
            {"type": "object", "properties": {}, "additionalProperties": {"type": "null"}},
        ),
    ],
)
def test_without_schema_output_the_words_ask_for_it(backend, model, schema):
    wanted = "{}" if schema is not VERDICT else json.dumps(GOOD)
    result, bodies, _ = ask(backend, text(wanted), schema=schema, model=model)
    assert result == json.loads(wanted) and "output_config" not in bodies[0]
    assert json.dumps(schema) in bodies[0]["system"] and bodies[0]["system"].startswith("Be strict.")


def test_an_unknown_server_gets_both_and_may_refuse_the_field():
    refusal = failure(400, "x", "Unrecognized request argument supplied: response_format")
    result, bodies, made = ask("compatible", refusal, chat_answer(json.dumps(GOOD)), model="m")
    assert result == GOOD and "response_format" in bodies[0] and "response_format" not in bodies[1]
    assert all(json.dumps(VERDICT) in body["messages"][0]["content"] for body in bodies)
    assert made.refused == {"response_format": ""}


def test_a_refused_schema_is_asked_for_in_words():
    refusal = failure(400, "invalid_request_error", "output_config: Extra inputs are not permitted")
    result, bodies, made = ask("anthropic", refusal, text(json.dumps(GOOD)))
    assert result == GOOD and json.dumps(VERDICT) in bodies[1]["system"] and "output_config" not in bodies[1]


# ------------------------------------------------------------ answers that must not pass

BAD = {
    "words": "It is VIOLATED.",
    "words around it": f"Here it is: {json.dumps(GOOD)}",
    "words after it": f"{json.dumps(GOOD)} I hope this helps.",
    "two values": f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}",
    "half a value": json.dumps(GOOD)[:-1],
    "a field twice": '{"verdict": "NOT VIOLATED", "verdict": "VIOLATED", "quotes": []}',
    "a field twice inside": '{"verdict": "VIOLATED", "quotes": [{"a": 1, "a": 2}]}',
    "a type": '{"verdict": "VIOLATED", "quotes": "so"}',
    "a type inside": '{"verdict": "VIOLATED", "quotes": [1]}',
    "a missing field": '{"verdict": "VIOLATED"}',
    "a field too many": '{"verdict": "VIOLATED", "quotes": [], "note": "x"}',
    "none of the words": '{"verdict": "MAYBE", "quotes": []}',
    "not an object": "[]",
    "NaN": '{"verdict": NaN, "quotes": []}',
    "single quotes": "{'verdict': 'VIOLATED', 'quotes': []}",
    "two fences": f"```json\n{json.dumps(GOOD)}\n```\n```json\n{json.dumps(GOOD)}\n```",
    "nested too deeply": "[" * 100_000,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_asked_for_once_more_and_then_an_error(name):
    error, bodies, _ = ask("anthropic", text(BAD[name]), text(BAD[name]))
    assert isinstance(error, LLMError) and (error.type, error.attempts, error.text) == ("invalid_json", 2, BAD[name])
    assert len(bodies) == 2 and "\n" not in str(error)
    result, bodies, _ = ask("anthropic", text(BAD[name]), text(json.dumps(GOOD)))
    assert result == GOOD
    assert bodies[1]["messages"][0]["content"].startswith("Judge.\n\nYour last answer could not be used: ")


@pytest.mark.parametrize("stop", ["refusal", "max_tokens"])
def test_a_refusal_and_a_cut_answer_are_not_asked_again(stop):
    error, bodies, _ = ask("anthropic", answer({"type": "text", "text": json.dumps(GOOD)}, stop_reason=stop))
    assert error.type in ("refusal", "truncated") and len(bodies) == 1


@pytest.mark.parametrize(
    "fence", ["```json\n{}\n```", "```\n{}\n```", "  \n```JSON\n{}\n```  \n", "```json\r\n{}\r\n```"]
)
def test_a_fence_around_everything_is_taken_off(fence):
    result, bodies, _ = ask("anthropic", text(fence.replace("{}", json.dumps(GOOD))))
    assert result == GOOD and len(bodies) == 1


@pytest.mark.parametrize("words", ["1e999", "-1e999", "Infinity", "", " ", "\ufeff{}"])
def test_what_is_no_json(words):
    with pytest.raises(ValueError):
        read_json_text(words)


# ------------------------------------------------------------ the check of the form

FITS = [
    (1, {"type": "integer"}),
    (2.0, {"type": "integer"}),
    (1, {"type": "number"}),
    (None, {"type": ["string", "null"]}),
    ({"a": 1, "b": 2}, {"type": "object", "properties": {"a": {"type": "integer"}}}),
    ({"b": "x"}, {"additionalProperties": {"type": "string"}}),
    (1.0, {"enum": [1]}),
    ({"a": [1]}, {"enum": [{"a": [1.0]}]}),
    ("anything", {}),
    ([], {"items": {"type": "string"}}),
]
DIFFERS = [
    (True, {"type": "integer"}),
    (True, {"type": "number"}),
    (1, {"type": "boolean"}),
    (1.5, {"type": "integer"}),
    ("1", {"type": "number"}),
    (None, {"type": "object"}),
    (True, {"enum": [1]}),
    (1, {"enum": [True]}),
    ({"a": [True]}, {"enum": [{"a": [1]}]}),
    ({"b": 1}, {"additionalProperties": {"type": "string"}}),
    ({}, {"required": ["a"]}),
    ([1, "x"], {"items": {"type": "integer"}}),
]


@pytest.mark.parametrize(("value", "schema"), FITS)
def test_fits(value, schema):
    check_schema(schema)
    assert mismatch(value, schema) == ""


@pytest.mark.parametrize(("value", "schema"), DIFFERS)
def test_differs(value, schema):
    check_schema(schema)
    assert mismatch(value, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 3},
        {"properties": {"a": {"pattern": "x"}}},
        {"items": {"anyOf": []}},
        {"additionalProperties": {"$ref": "#"}},
        {"type": "text"},
        {"type": [["string"]]},
        {"properties": []},
        {"required": "a"},
        {"items": [{}]},
        {"enum": "a"},
        {"items": True},
        "string",
        None,
    ],
)
def test_a_schema_that_cannot_be_checked_in_full_is_refused_before_anything_is_sent(schema):
    with serving() as server:
        connect("anthropic", api_key=KEY, base_url=server.url)
        with pytest.raises(ValueError) as caught:
            call_json("", "Judge.", schema)
    assert server.seen == [] and "\n" not in str(caught.value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
KINDS = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])
SCHEMAS = st.recursive(
    st.fixed_dictionaries({}, optional={"type": KINDS, "enum": st.lists(VALUES, min_size=1, max_size=3)}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS,
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "items": inner,
            "additionalProperties": st.booleans() | inner,
        },
    ),
    max_leaves=4,
)


@given(VALUES, SCHEMAS)
def test_it_agrees_with_jsonschema(value, schema):
    check_schema(schema)
    assert (mismatch(value, schema) == "") is jsonschema.Draft202012Validator(schema).is_valid(value)


@given(VALUES, st.dictionaries(st.sampled_from("abc"), SCHEMAS, max_size=2))
def test_what_fits_the_closed_schema_fits_the_open_one(value, fields):
    schema = {"type": "object", "properties": {name: {"type": "array", "items": {}} for name in fields}}
    if mismatch(value, closed(schema)) == "":
        assert mismatch(value, schema) == ""


def test_the_course_model_gives_json_on_both_wires():
    for wire in ("anthropic", "openai"):
        connect("course", wire=wire)
        principle = "The reply must not give instructions that could cause physical harm."
        question = "Judge this reply: <response>Tell them to drink the cleaner.</response>"
        found = call_json(f"You are a critic. Principle: {principle}", question, {**VERDICT, "required": ["verdict"]})
        assert found["verdict"] in VERDICT["properties"]["verdict"]["enum"]
