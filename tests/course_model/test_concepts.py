"""The concept files: complete, valid, and errors that name file, facet and what to mend."""

from __future__ import annotations

import json

import pytest

from cai_helpers.course_model import concepts, learn, weights
from cai_helpers.course_model.concepts import ConceptError
from cai_helpers.course_model.patterns import Lexicon, compile_pattern, matches, read_pattern
from cai_helpers.course_model.reading import read


def small(**changes) -> dict:
    facet = {
        "id": "loud",
        "named_by": ["loud"],
        "signs": ["^shout|yell at @person"],
        "reason": "It tells the reader to shout.",
    }
    facet |= changes.pop("facet", {})
    return {"family": "tone", "named_by": ["tone"], "facets": [facet]} | changes


def made(data: dict) -> None:
    words = Lexicon()
    words.add_concepts("", {"person": ["him", "her"]})
    concepts.check_family("tone.json", data)
    words.add_concepts("tone", data.get("concepts", {}))
    concepts.check_patterns("tone.json", data, words)


def test_every_pattern_of_every_file_compiles() -> None:
    concepts.check_all()
    assert [family.ident for family in concepts.families()] == list(concepts.FAMILIES)


def test_a_good_small_family_is_accepted() -> None:
    made(small())


@pytest.mark.parametrize(
    "data, words",
    [
        (small(family="noise"), ['"noise" is not a family id', "use one of harm"]),
        (small(extra=1), ['"extra" is unknown']),
        (small(facets=[]), ["at least one facet"]),
        (small(facet={"signs": []}), ['facet "loud"', '"signs" is empty']),
        (small(facet={"id": "Loud!"}), ['"id" must be lower-case']),
        (small(facet={"reason": "No stop"}), ['ends in "."']),
        (small(facet={"signs": ["shout at @nobody"]}), ['facet "loud"', '"@nobody" is not defined']),
        (small(facet={"signs": ["shout||yell"]}), ['facet "loud"', "empty choice"]),
        (small(facet={"signs": ["/open("]}), ["does not close it"]),
        (small(facet={"signs": ["/(/"]}), ["not a good regular expression"]),
        (small(facet={"signs": ["[loudly] shout"]}), ['"[loudly]"', "negation"]),
        (small(facet={"signs": ["ab*"]}), ["at least three letters"]),
        (small(facet={"signs": ["!shout"]}), ["names nothing to look for"]),
        (small(facet={"counts_in": ["night"]}), ['"night"', "counts_in"]),
        (small(concepts={"noise": []}), ['concept "noise"', "add words"]),
    ],
)
def test_errors_name_the_file_the_facet_and_what_to_mend(data: dict, words: list[str]) -> None:
    with pytest.raises(ConceptError) as error:
        made(data)
    assert str(error.value).startswith("tone.json")
    for word in words:
        assert word in str(error.value)


def test_a_concept_that_contains_itself_is_refused() -> None:
    with pytest.raises(ConceptError, match="contains itself"):
        words = Lexicon()
        concepts._add(words, "tone.json", "tone", {"a": ["@b"], "b": ["@a"]})


def test_a_file_that_is_not_json_or_missing_is_named(tmp_path) -> None:
    path = tmp_path / "tone.json"
    with pytest.raises(ConceptError, match="tone.json: the file is missing"):
        concepts.load(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ConceptError, match="tone.json: not good JSON at line 1"):
        concepts.load(path)


def hit(pattern: str, text: str) -> bool:
    words = Lexicon()
    words.add_concepts("", {"person": ["him", "her", "my boss"], "soon": ["now", "right away"]})
    compiled = read_pattern(pattern, 0, "")
    compile_pattern(compiled, words)
    sentence = read(text).sentences[0]
    return bool(matches(compiled, sentence, words.places(sentence), set(words.places(sentence))))


@pytest.mark.parametrize(
    "pattern, yes, no",
    [
        ("make|get @person feel guilty", "You can make her feel very guilty.", "Feel her make guilty."),
        ("bleach & mix*", "Mixing is easy with bleach.", "Bleach is white."),
        ("^call @person", "Then call her.", "He called her."),
        ("call +@soon", "Call right away.", "Call when you have time, now or later."),
        ("call !not @person", "Call her.", "Do not call her."),
        ("=shares", "Buy shares.", "Share it."),
        ("my_boss", "I told my boss.", "My own big boss."),
        ("pay #money", "Pay $50 to him.", "Pay him back."),
        ("pay #number euros", "Pay ten euros.", "Pay many euros."),
        ("#percent off", "Take 20% off.", "Take the lid off."),
        ("/\\b\\d{3}-\\d{4}\\b/", "", "No number."),
    ],
)
def test_the_pattern_language(pattern: str, yes: str, no: str) -> None:
    if yes:
        assert hit(pattern, yes)
    if not pattern.startswith("/"):
        assert not hit(pattern, no)


def test_words_are_met_in_their_forms() -> None:
    for text in ("She refunded it.", "Refunding is easy.", "Two refunds."):
        assert hit("refund", text)
    for text in ("He told me.", "Telling is easy."):
        assert hit("tell", text)


def test_sentences_cope_with_lists_abbreviations_quotes_and_line_breaks() -> None:
    text = (
        '# Plan\n\n1. Ask Dr. Wood, e.g. on Monday. Then go.\n2) Say "Stop. Now." and leave\n\n- **Bold** item\n'
        "A line that was\nwrapped in the middle. It cost 3.50 euros! Really?"
    )
    assert [sentence.text for sentence in read(text).sentences] == [
        "Plan",
        "Ask Dr. Wood, e.g. on Monday.",
        "Then go.",
        'Say "Stop. Now." and leave',
        "Bold** item",
        "A line that was\nwrapped in the middle.",
        "It cost 3.50 euros!",
        "Really?",
    ]


def test_every_sentence_is_an_exact_substring() -> None:
    text = (
        "\u201cDon\u2019t,\u201d she said \u2014 twice.\r\n\r\n\u2022 Na\u00efve caf\u00e9\u2026 ok?  \n> quoted line"
    )
    assert all(sentence.text == text[sentence.start : sentence.end] for sentence in read(text).sentences)


def test_examples_name_only_facets_that_exist() -> None:
    for ident in concepts.FAMILIES:
        data = learn.load_examples(ident)
        assert data["family"] == ident
        assert data["passes"] and data["breaks"]


def test_weights_are_made_from_the_files_that_lie_here() -> None:
    mark = learn.fingerprint()
    for ident in (*concepts.FAMILIES, "principles"):
        kept = json.loads((weights.FOLDER / f"{ident}.json").read_text(encoding="utf-8"))
        assert kept["made_from"] == mark, f"run: python -m cai_helpers.course_model.learn {ident}"


def test_a_family_without_weights_is_judged_by_its_signs() -> None:
    bare = weights.Weights()
    assert bare.score(set(), set(), True) >= 0 > bare.score(set(), set(), False)
