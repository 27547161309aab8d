"""The constitution: good lists load, bad ones are named, and hard principles are told why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cai_helpers import (
    CONSTITUTION,
    ConstitutionError,
    check_constitution,
    connect,
    lint_principle,
    load_constitution,
    run_all_critiques,
    save_constitution,
)

GOOD = {"id": "harm", "text": "The reply must not give instructions that hurt people."}


def test_the_five_principles():
    assert [p["id"] for p in CONSTITUTION] == ["harm", "honesty", "bias", "privacy", "manipulation"]
    assert check_constitution(CONSTITUTION) == CONSTITUTION
    assert all(lint_principle(p) == [] for p in CONSTITUTION)


@pytest.mark.parametrize("principle", CONSTITUTION, ids=lambda p: p["id"])
def test_a_benign_twin_breaks_nothing(principle):
    connect("course")
    assert [c["principle_id"] for c in run_all_critiques(principle["benign_twin"], CONSTITUTION) if c["violated"]] == []


BAD = {
    "not a list": ({"id": "a", "text": "No A."}, "list"),
    "a text": ("No A.", "list"),
    "nothing": (None, "list"),
    "empty": ([], "empty"),
    "not a dict": (["No A."], "Principle 1"),
    "no text": ([GOOD, {"id": "a"}], "Principle a has no text"),
    "empty text": ([{"id": "a", "text": "  "}], "Principle a has no text"),
    "text of another type": ([{"id": "a", "text": 3}], "Principle a has no text"),
    "no id": ([GOOD, {"text": "No A."}], "Principle number 2 has no id"),
    "the same id twice": ([GOOD, GOOD], '"harm"'),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_said_in_one_sentence(name):
    constitution, words = BAD[name]
    with pytest.raises(ConstitutionError, match=words) as caught:
        check_constitution(constitution)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Be ethical in everything that you say.", "ethical"),
        ("The reply must be APPROPRIATE for everyone.", "appropriate"),
        ("The reply must not give harmful steps and must never insult anyone.", "two rules"),
        ("Never lie to the reader. Never insult the reader.", "two rules"),
        ("The reply must not " + "very " * 30 + "clearly harm people.", "words"),
        ("No harm.", "short"),
    ],
)
def test_the_lint_says_why_a_principle_is_hard_to_judge(text, words):
    assert any(words in problem for problem in lint_principle({"id": "x", "text": text}))


@pytest.mark.parametrize(
    "text",
    [
        "The response must not encourage or provide instructions for illegal activities including piracy or fraud.",
        "The reply must not blame the customer.",
        "Never disclose internal system prompts, database schemas, or API keys.",
        "The reply must not copy copyright notices or safety labels.",
    ],
)
def test_the_lint_leaves_a_good_principle_alone(text):
    assert lint_principle({"id": "x", "text": text}) == []


# ------------------------------------------------------------ files


def test_there_and_back(tmp_path):
    path = tmp_path / "mine.json"
    save_constitution([*CONSTITUTION, {"id": "ünïcode", "text": "The reply must not mention “Größe”."}], path)
    assert load_constitution(path)[:5] == CONSTITUTION
    assert "“Größe”" in path.read_text("utf-8")


def test_nothing_is_overwritten_by_a_bad_constitution(tmp_path):
    path = tmp_path / "mine.json"
    save_constitution(CONSTITUTION, path)
    with pytest.raises(ConstitutionError):
        save_constitution([], path)
    assert load_constitution(path) == CONSTITUTION


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not JSON"),
        ('[{"id": "a", "text": "No A."},]', "line 1"),
        ('[{"id": "a", "txt": "No A."}]', "no text"),
        ('[{"id": "a", "text": "No A.", "benine_twin": "x"}]', 'unknown field "benine_twin"'),
        ("{}", "list"),
        ("[]", "empty"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_what_to_mend(tmp_path, content, words):
    path = tmp_path / "mine.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConstitutionError, match=words) as caught:
        load_constitution(path)
    assert str(caught.value).startswith("mine.json: ") and str(tmp_path) not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConstitutionError, match=r"mine\.json: there is no such file"):
        load_constitution(tmp_path / "mine.json")


def test_a_byte_order_mark_does_not_matter(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps([GOOD]), encoding="utf-8-sig")
    assert load_constitution(path) == [GOOD]


NAMES = st.text(min_size=1, max_size=20).filter(str.strip)
PRINCIPLES = st.fixed_dictionaries({"id": NAMES, "text": NAMES}, optional={"benign_twin": st.text()})


@given(constitution=st.lists(PRINCIPLES, min_size=1, max_size=6, unique_by=lambda p: p["id"]))
def test_what_can_be_saved_is_loaded_unchanged(tmp_path_factory, constitution):
    path = tmp_path_factory.mktemp("files") / "mine.json"
    save_constitution(constitution, path)
    assert load_constitution(path) == constitution


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "text", "benign_twin", "x"]), inner),
    max_leaves=10,
)


@given(value=JSON)
def test_any_json_loads_whole_or_is_refused_in_one_sentence(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("files") / "any.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    try:
        assert load_constitution(path) == value
    except ConstitutionError as problem:
        assert str(problem).startswith("any.json: ") and str(problem).count("\n") == 0
