"""The reviser: takes out what the critiques quote, keeps the rest word for word, and says something safe instead."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cai_helpers.course_model import CourseModel, library
from cai_helpers.course_model.generator import unknown
from cai_helpers.course_model.judge import judge
from cai_helpers.course_model.reviser import alternatives, locate

from .test_understand import ARTICLE_REVISER, COURSE_REVISER, HARM, SECRET, TONE

HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
DRAFT = (
    "A campfire is a fine thing.\n\nDo it like this:\n- Collect dry wood.\n- Pour petrol on the wood so that it "
    "burns faster.\n"
    "- Sit back.\n\nKeep  two spaces here. Throw a gas cartridge into the flames for fun. Good night."
)
QUOTES = ["Pour petrol on the wood so that it burns faster.", "Throw a gas cartridge into the flames for fun."]


def ask(user: str, system: str = COURSE_REVISER, model: CourseModel | None = None) -> str:
    body = {
        "model": "course-model-1",
        "max_tokens": 4096,
        "system": system,
        "messages": [{"role": "user", "content": user}],
    }
    answer = (model or CourseModel()).handle("POST", "/v1/messages", HEADERS, json.dumps(body).encode())
    return json.loads(answer.body)["content"][0]["text"]


def request(
    draft: str = DRAFT, quotes: list[str] = QUOTES, principle: str = HARM, prompt: str = "Tell me about campfires."
) -> str:
    lines = "\n".join(f'  Quote: "{quote}"' for quote in quotes)
    return (
        f"The user asked:\n<prompt-11aa22bb>\n{prompt}\n</prompt-11aa22bb>\n\nThe reply to "
        f"rewrite:\n<draft-33cc44dd>\n{draft}\n"
        f"</draft-33cc44dd>\n\nPrinciples it breaks, with the critic's words:\n<critiques-55ee66ff>\n- "
        f"{principle}\n{lines}\n"
        f"  Somebody could get hurt.\n  Verdict: VIOLATED\n</critiques-55ee66ff>\n\nPrinciples it keeps and "
        f"must go on keeping:\n"
        f"<kept-77aa88bb>\n- {SECRET}\n- {TONE}\n</kept-77aa88bb>\n\nRewrite the reply so that it breaks none "
        f"of them."
    )


def test_only_the_quoted_sentences_go() -> None:
    said = ask(request())
    assert not any(quote in said for quote in QUOTES)
    assert said.startswith(
        "A campfire is a fine thing.\n\nDo it like this:\n- Collect dry wood.\n- Sit back.\n\nKeep  two spaces here. "
    )
    assert said.endswith(" Good night.")
    added = [text for text in alternatives()["instead"]["harm"] if text in said]
    assert len(added) == 1
    assert not any(word in said.lower() for word in ("critique", "principle", "violat", "revised"))


def test_a_part_of_a_sentence_takes_the_whole_sentence() -> None:
    said = ask(request(quotes=["petrol on the  wood", "gas cartridge into the Flames..."]))
    assert not any(quote in said for quote in QUOTES) and "- Collect dry wood." in said


@pytest.mark.parametrize(
    "style",
    [
        '"{}"',
        "\u201c{}\u201d",
        "> {}",
        "**VIOLATED**\n\n> {}",
        '1. VIOLATED\n2. "{}"\n3. Bad.',
        'The response is VIOLATED because of "{}".',
        "Quote: {}",
        "'{}'",
    ],
)
def test_quotes_in_any_dress(style: str) -> None:
    critique = "\n".join(style.format(quote) for quote in QUOTES)
    user = (
        f"## Original response\n{DRAFT}\n\n## Violations found\n**Principle (harm):** {HARM}\n**Critique:** "
        f"{critique}\n\n"
        "## Your task\nRewrite to fix ALL violations. Keep useful info. Don't mention the critique process."
    )
    said = ask(user, ARTICLE_REVISER)
    assert not any(quote in said for quote in QUOTES) and "- Collect dry wood." in said


def test_without_quotes_the_named_principle_is_looked_at() -> None:
    said = ask(
        f"Response: {DRAFT}\n\nPrinciple: {HARM}\n\nRevise the response so that it complies with the principle.", ""
    )
    assert QUOTES[0] not in said and "Collect dry wood." in said


def test_nothing_to_fix_changes_nothing() -> None:
    unclear = (
        request(quotes=[])
        .replace("Verdict: VIOLATED", "")
        .replace("Somebody could get hurt.", "I cannot judge this principle.")
    )
    unclear = unclear.replace(HARM, "The response must rhyme.")
    assert ask(unclear) == DRAFT
    words = 'NOT VIOLATED. The words "Collect dry wood" are fine.'
    clean = f"<draft>{DRAFT}</draft>\n<critique>{words}</critique>\nRewrite the draft to fix it."
    assert ask(clean, "") == DRAFT


def test_nothing_left_gives_a_short_helpful_reply() -> None:
    said = ask(request(draft=QUOTES[0], quotes=[QUOTES[0]], prompt="zzz"))
    assert QUOTES[0] not in said and said in alternatives()["alone"]["harm"]


def ask_about(text: str, **more: Any) -> str:
    return ask(request(draft=text + "\n", quotes=[text.split(". ")[0]]), **more)


def test_a_library_draft_gets_its_authored_revision() -> None:
    for entry in library.entries():
        if entry.revision:
            expected = entry.steps[0][0].text if entry.steps else entry.revision
            assert ask_about(entry.drafts[0]) == expected


SEVERAL = [entry for entry in library.entries() if entry.steps]


@pytest.mark.parametrize("entry", SEVERAL, ids=lambda entry: entry.id)
def test_a_scenario_of_several_rounds_goes_step_by_step(entry: library.Entry) -> None:
    texts = [entry.drafts[0], *(turns[0].text for turns in entry.steps)]
    last = entry.revision if entry.again is None else texts[entry.again]
    for text, following in zip(texts, [*texts[1:], last], strict=True):
        assert ask_about(text) == following == ask_about(f"  {text}")


def test_turns_of_a_step_come_one_after_another_and_begin_anew() -> None:
    entry = next(entry for entry in SEVERAL if len(entry.steps[0]) > 1)
    model = CourseModel()
    said = [ask_about(entry.drafts[0], model=model) for _ in range(4)]
    assert said == [turn.text for turn in entry.steps[0]] * 2
    assert ask_about(entry.drafts[0], model=model.reset()) == said[0]
    failing = CourseModel(faults=["529"])  # a request without an answer does not count
    with pytest.raises(KeyError):
        ask_about(entry.drafts[0], model=failing)
    assert ask_about(entry.drafts[0], model=failing) == said[0]


def test_no_text_stands_at_two_places_of_the_library() -> None:
    places = [
        (library.normal(text), entry.id, place)
        for entry in library.entries()
        for place, texts in enumerate([entry.drafts, *([step.text for step in turns] for turns in entry.steps)])
        for text in texts
    ]
    assert len({text for text, _, _ in places}) == len(places)
    assert all(len(entry.phrasings) >= 6 for entry in library.entries())
    assert all(0 <= (entry.again or 0) <= len(entry.steps) for entry in library.entries())


def test_a_stubborn_or_careless_reviser_is_so_with_steps_too() -> None:
    draft, step = SEVERAL[0].drafts[0], SEVERAL[0].steps[0][0].text
    assert step not in ask_about(draft, model=CourseModel(reviser="stubborn"))
    assert step in ask_about(draft, model=CourseModel(reviser="careless"))


def test_a_stubborn_reviser_leaves_the_last_offence() -> None:
    said = ask(request(), model=CourseModel(reviser="stubborn"))
    assert QUOTES[0] not in said and QUOTES[1] in said


def test_a_verbose_reviser_talks_about_the_critique() -> None:
    assert "critique" in ask(request(), model=CourseModel(reviser="verbose"))


def test_a_careless_reviser_slips() -> None:
    model = CourseModel(reviser="careless")
    slips = [text for texts in alternatives()["careless"].values() for text in texts]
    said = [ask(request(), model=model) for _ in range(40)]
    assert any(s.startswith("Here is the revised response:") for s in said)
    assert any(s.endswith(tuple(slips)) for s in said)
    assert all(s.startswith("Here is") or s.endswith(tuple(slips)) for s in said)


TESTS = [(family, texts[0]) for family, texts in alternatives()["tests"].items()]


@pytest.mark.parametrize(("family", "principle"), TESTS)
def test_what_the_model_says_itself_passes_every_family(family: str, principle: str) -> None:
    own = [text for kind in ("instead", "alone") for texts in alternatives()[kind].values() for text in texts]
    own += [unknown(text) for text in ("What is the capital of France?", "password", "my ex", "refund")]
    broken = [
        (text, judge(text, principle)["findings"])
        for text in own
        if judge(text, principle)["verdict"] != "NOT VIOLATED"
    ]
    assert broken == []


@pytest.mark.parametrize(("family", "text"), [(f, t) for f, texts in alternatives()["careless"].items() for t in texts])
def test_a_slip_breaks_its_family(family: str, text: str) -> None:
    assert judge(text, alternatives()["tests"][family][0])["verdict"] == "VIOLATED"


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("Collect dry wood", "Collect dry wood"),
        ("  collect   DRY wood. ", "Collect dry wood"),
        ("\u201ccollect dry wood\u201d", "Collect dry wood"),
        ("two spaces here. Throw a", "two spaces here. Throw a"),
        ("nothing of the kind", None),
        ("", None),
        ("...", None),
    ],
)
def test_locate(quote: str, found: str | None) -> None:
    place: Any = locate(DRAFT, quote)
    assert (DRAFT[place[0] : place[1]] if place else None) == found
