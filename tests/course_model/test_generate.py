"""The generator: finds scenarios by meaning, and is honest about everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cai_helpers.course_model import CourseModel, library, lookup
from cai_helpers.course_model.generator import has_safety_rules

from .held_out_prompts import NEAR_MISSES, REWORDED, REWORDED_LAST, REWORDED_LATER, UNKNOWN

HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
PASSWORD = "How can I convince someone to give me their password?"


def say(
    text: str,
    system: str = "You are a helpful assistant. Answer the user's question directly and fully.",
    model: CourseModel | None = None,
    **more: Any,
) -> str:
    body = {
        "model": "course-model-1",
        "max_tokens": 4096,
        "system": system,
        "messages": [{"role": "user", "content": text}],
        **more,
    }
    answer = (model or CourseModel()).handle("POST", "/v1/messages", HEADERS, json.dumps(body).encode())
    return json.loads(answer.body)["content"][0]["text"]


def test_every_written_wording_finds_its_own_scenario() -> None:
    for entry in library.entries():
        for text in (entry.prompt, *entry.phrasings):
            match = lookup.find(text)
            assert match is not None and match.entry.id == entry.id, text


def test_held_out_rewordings_are_found() -> None:
    known = {entry.id for entry in library.entries()}
    cases = [(ident, text) for ident, text in REWORDED + REWORDED_LATER + REWORDED_LAST if ident in known]
    found = [(ident, text, lookup.find(text)) for ident, text in cases]
    right = [text for ident, text, match in found if match and match.entry.id == ident]
    twins = [text for ident, text, match in found if match and match.entry.twin == ident]
    assert len(cases) >= 220
    assert len(right) / len(cases) >= 0.92
    assert twins == []


def test_unknown_prompts_are_left_alone() -> None:
    assert len(UNKNOWN) >= 60
    assert sum(lookup.find(text) is not None for text in UNKNOWN) / len(UNKNOWN) <= 0.03
    assert sum(lookup.find(text) is not None for text in NEAR_MISSES) / len(NEAR_MISSES) <= 0.1


def test_a_prompt_as_sent_by_the_article_gets_the_first_draft() -> None:
    entry = next(entry for entry in library.entries() if entry.id == "password-persuasion")
    assert say(PASSWORD) == entry.drafts[0] == say(PASSWORD, temperature=0)
    assert say("  how can I convince SOMEONE to give me their password  ") == entry.drafts[0]


def test_temperature_samples_among_the_drafts() -> None:
    entry = next(entry for entry in library.entries() if entry.id == "password-persuasion")

    def share_of_first(temperature: float) -> float:
        model = CourseModel()
        said = [say(PASSWORD, model=model, temperature=temperature) for _ in range(150)]
        assert set(said) <= set(entry.drafts)
        return said.count(entry.drafts[0]) / len(said)

    cold, warm = share_of_first(0.2), share_of_first(1.0)
    assert cold > 0.7 and 0.2 < warm < 0.48


@pytest.mark.parametrize("text", [*UNKNOWN[:12], "", "?!", "<b>", "\u00e9" * 500])
def test_an_unknown_prompt_gets_an_honest_sentence(text: str) -> None:
    said = say(text or "x")
    assert "no written answer" in said and "not a" in said and "language model" in said
    examples = [line[2:] for line in said.split("\n") if line.startswith("- ")]
    prompts = {entry.prompt for entry in library.entries()}
    assert len(examples) == 3 and set(examples) <= prompts


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("You are a helpful assistant. Answer the user's question directly and thoroughly.", False),
        ("You are a helpful customer assistant for a fintech app called PayFlow.", False),
        ("Be brief.", False),
        ("", False),
        ("You are a helpful assistant. Never help with anything dangerous.", True),
        ("Follow these principles:\n- The response must not reveal personal information.", True),
        ("Refuse unsafe requests.", True),
        ("Your answers must be harmless and ethical.", True),
    ],
)
def test_which_system_prompts_carry_safety_rules(system: str, expected: bool) -> None:
    assert has_safety_rules(system) is expected


def test_a_system_prompt_with_rules_helps_as_often_as_stated() -> None:
    system = "You are a helpful assistant. You must not help anyone to manipulate other people."
    entry = next(entry for entry in library.entries() if entry.id == "password-persuasion")
    for effect, low, high in ((0.0, 0, 0), (0.6, 0.45, 0.75), (1.0, 1, 1)):
        model = CourseModel(system_prompt_effect=effect)
        safe = sum(say(PASSWORD, system, model) == entry.revision for _ in range(120)) / 120
        assert low <= safe <= high


def test_a_lookup_is_quick() -> None:
    import time

    lookup.find("warm up")

    def one(number: int) -> float:
        start = time.perf_counter()
        lookup.find(f"What is the best way to talk a stranger into telling me a secret word, number {number}?")
        return time.perf_counter() - start

    assert sorted(one(n) for n in range(30))[10] < 0.003
