"""The library's scenarios under the course's constitution: rounds that end in every way, and critics that agree."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest

from cai_helpers import (
    CONSTITUTION,
    connect,
    multi_round_pipeline,
    parallel_critique,
    parallel_critique_async,
    run_all_critiques,
)
from cai_helpers.course_model import library
from cai_helpers.course_model.judge import judge
from cai_helpers.course_model.reviser import alternatives
from cai_helpers.pipeline import WITHHELD

IDS = [principle["id"] for principle in CONSTITUTION]
ENTRIES = {entry.id: entry for entry in library.entries()}
SEVERAL = [entry.id for entry in library.entries() if entry.steps]

# id: (max_rounds, what each round breaks, how it stops, status, the best round, calls). A round is one call for the
# text and five for its check; a text that comes back is not checked again.
ROUNDS: dict[str, tuple[int, list[str], str, str, int, int]] = {
    "bread-recipe": (3, [""], "clean", "clean", 1, 6),
    "password-persuasion": (3, ["privacy manipulation", ""], "clean", "revised", 2, 12),
    "tea-product-text": (3, ["honesty", "bias", ""], "clean", "revised", 3, 18),
    "school-poster-phones": (3, ["manipulation", "honesty", ""], "clean", "revised", 3, 18),
    "dating-profile-text": (3, ["manipulation", "bias", ""], "clean", "revised", 3, 18),
    "library-donation-letter": (3, ["manipulation", "honesty", "manipulation"], "repeated text", "withheld", 3, 13),
    "hedge-note-neighbor": (3, ["privacy", "bias", "privacy"], "same findings", "withheld", 3, 18),
    "flatshare-advert": (3, ["bias manipulation", "privacy", "honesty", "bias"], "round limit", "withheld", 4, 24),
    "class-speaker-speech": (
        3,
        ["honesty bias manipulation", "honesty privacy", "privacy", "bias"],
        "round limit",
        "withheld",
        4,
        24,
    ),
    "mattress-shop-text": (3, ["honesty", "bias manipulation", ""], "clean", "revised", 3, 18),
    "loud-music-letter": (
        3,
        ["bias", "privacy manipulation", "privacy manipulation"],
        "repeated text",
        "withheld",
        1,
        13,
    ),
}
# The same with more or fewer rounds.
MORE: list[tuple[str, int, list[str], str, str, int, int]] = [
    ("tea-product-text", 2, ["honesty", "bias", ""], "clean", "revised", 3, 18),
    ("tea-product-text", 1, ["honesty", "bias"], "round limit", "withheld", 2, 12),
    ("library-donation-letter", 1, ["manipulation", "honesty"], "round limit", "withheld", 2, 12),
    ("mattress-shop-text", 1, ["honesty", "bias manipulation"], "round limit", "withheld", 1, 12),
    (
        "flatshare-advert",
        6,
        ["bias manipulation", "privacy", "honesty", "bias", "manipulation", "harm", "honesty"],
        "round limit",
        "withheld",
        7,
        42,
    ),
    (
        "flatshare-advert",
        9,
        ["bias manipulation", "privacy", "honesty", "bias", "manipulation", "harm", "honesty", "bias manipulation"],
        "repeated text",
        "withheld",
        7,
        43,
    ),
    (
        "class-speaker-speech",
        6,
        ["honesty bias manipulation", "honesty privacy", "privacy", "bias", "privacy"],
        "repeated text",
        "withheld",
        5,
        25,
    ),
]


@pytest.mark.parametrize("critics", [run_all_critiques, parallel_critique])
@pytest.mark.parametrize(
    ("ident", "limit", "broken", "stopped", "status", "best", "calls"),
    [(ident, *row) for ident, row in ROUNDS.items()] + MORE,
    ids=lambda value: value if isinstance(value, str) and "-" in value else "",
)
def test_how_each_scenario_ends(
    ident: str, limit: int, broken: list[str], stopped: str, status: str, best: int, calls: int, critics: Any
) -> None:
    passed: set[str] = set()

    def spy(text: str, *rest: Any) -> list[Any]:
        critiques = critics(text, *rest)
        if not any(c["violated"] for c in critiques):
            passed.add(text)
        return critiques

    connect("course")
    result = multi_round_pipeline(ENTRIES[ident].prompt, CONSTITUTION, limit, critics=spy)
    assert [r["by_principle"] for r in result["rounds"]] == [
        {name: int(name in names.split()) for name in IDS} for names in broken
    ]
    assert (result["stopped"], result["status"], result["best_round"]) == (stopped, status, best)
    assert result["calls"] == calls == sum(r["calls"] for r in result["rounds"])
    assert passed == ({result["final"]} if status != "withheld" else set())
    assert (result["final"] == WITHHELD) == (status == "withheld")


def test_every_scenario_of_several_rounds_is_in_the_table() -> None:
    assert set(SEVERAL) <= set(ROUNDS)
    stops = {row[2] for row in ROUNDS.values()}
    assert stops == {"clean", "repeated text", "same findings", "round limit"}


def test_a_scenario_ends_alike_when_it_is_run_again() -> None:
    connect("course")
    for ident in ("mattress-shop-text", "tea-product-text", "loud-music-letter"):
        runs = [multi_round_pipeline(ENTRIES[ident].prompt, CONSTITUTION) for _ in range(2)]
        assert [r["text"] for r in runs[0]["rounds"]] == [r["text"] for r in runs[1]["rounds"]]


def test_every_written_wording_leads_through_the_same_rounds() -> None:
    for ident in SEVERAL:
        texts = []
        for wording in (ENTRIES[ident].prompt, *ENTRIES[ident].phrasings[:1]):
            connect("course")
            texts.append([r["text"] for r in multi_round_pipeline(wording, CONSTITUTION)["rounds"]])
        assert texts[0] == texts[1], ident


# ------------------------------------------------------------ each step breaks what its file says


def authored(ident: str) -> list[tuple[str, tuple[str, ...]]]:
    """(text, families that it breaks) of every text of an entry."""
    entry = ENTRIES[ident]
    steps = [(step.text, step.violates) for turns in entry.steps for step in turns]
    return [*zip(entry.drafts, entry.violates, strict=True), *steps, (entry.revision or "", ())]


@pytest.mark.parametrize("ident", SEVERAL)
def test_each_step_breaks_what_its_file_says(ident: str) -> None:
    connect("course")
    for text, families in authored(ident):
        critiques = run_all_critiques(text, CONSTITUTION, ENTRIES[ident].prompt)
        assert {c["principle_id"] for c in critiques if c["violated"]} == set(families), text
        assert all(c["verdict"] == "VIOLATED" and c["quote_found"] for c in critiques if c["violated"])


@pytest.mark.parametrize("ident", SEVERAL)
def test_each_step_breaks_just_that_of_the_twelve_families_in_other_words(ident: str) -> None:
    for text, families in authored(ident):
        found = {
            family
            for family, wordings in alternatives()["tests"].items()
            if judge(text, wordings[0], ENTRIES[ident].prompt)["verdict"] != "NOT VIOLATED"
        }
        assert found == set(families), text


# ------------------------------------------------------------ three ways to ask the critics

TROUBLE: dict[str, dict[str, Any]] = {
    "calm": {},
    "10 % of 529": {"fault_rates": {"529": 0.1}, "sleep": lambda seconds: None},
}


def in_a_loop(*arguments: Any) -> list[Any]:
    return asyncio.run(parallel_critique_async(*arguments))


Ask = Callable[..., list[Any]]


@lru_cache(maxsize=4)
def critiques_of_all(ask: Ask, trouble: str, every: int) -> tuple[list[list[Any]], float]:
    """What the critics say of every so many-th scenario's draft, and the requests per verdict."""
    chosen = library.entries()[::every]
    client = connect("course", **TROUBLE[trouble])
    found = [ask(entry.drafts[0], CONSTITUTION, entry.prompt) for entry in chosen]
    return found, client.usage["calls"] / len(chosen) / len(CONSTITUTION)


def test_sequential_threaded_and_async_critics_agree_on_every_scenario() -> None:
    expected, requests = critiques_of_all(run_all_critiques, "calm", 1)
    assert requests == 1
    assert critiques_of_all(parallel_critique, "calm", 1)[0] == expected
    assert critiques_of_all(in_a_loop, "calm", 2)[0] == expected[::2]  # every second one, to save time
    assert all([c["principle_id"] for c in critiques] == IDS for critiques in expected)


@pytest.mark.parametrize("ask", [run_all_critiques, parallel_critique, in_a_loop])
def test_overloads_change_no_verdict_because_the_client_tries_again(ask: Ask) -> None:
    found, requests = critiques_of_all(ask, "10 % of 529", 8)
    assert found == critiques_of_all(run_all_critiques, "calm", 1)[0][::8]
    assert 1.05 < requests < 1.2
