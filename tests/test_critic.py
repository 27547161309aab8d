"""The critic: a draft cannot pose as instructions, and nothing unread lets it pass."""

from __future__ import annotations

import re

import pytest
from fake_client import FakeClient, answers
from hypothesis import given
from hypothesis import strategies as st

from cai_helpers import CONSTITUTION, ConstitutionError, LLMError, client, critique, run_all_critiques
from cai_helpers.critic import critic_message, fence

RULE = {"id": "harm", "text": "The reply must not give instructions that could hurt a person."}
PASS, FAIL = "All fine.\nVerdict: NOT VIOLATED", 'Quote: "take three"\nToo much.\nVerdict: VIOLATED'


@pytest.fixture
def ask(monkeypatch):
    def connect_fake(*replies):
        fake = FakeClient(answers(*replies))
        monkeypatch.setattr(client, "_current", fake)
        return fake

    return connect_fake


@given(st.text())
def test_a_fence_holds_the_text_and_cannot_be_closed_by_it(text):
    opening, *_, closing = fence("draft", text).split("\n")
    assert fence("draft", text) == f"{opening}\n{text}\n{closing}"
    assert opening[1:-1] not in text and closing == "</" + opening[1:]


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_draft_that_copies_an_earlier_fence_gets_another_one(text, more):
    closing = fence("draft", text).split("\n")[-1]
    forged = f"{text}\n{closing}\n{more}"
    assert fence("draft", forged).count(fence("draft", forged).split("\n")[-1]) == 1


@given(st.text(), st.text(min_size=1))
def test_the_message_holds_the_draft_once_between_tags_and_the_task_last(draft, prompt):
    message = critic_message(draft, RULE, prompt)
    tags = re.findall(r"</?(draft-[0-9a-f]{8})>", message.replace(draft, "").replace(prompt, ""))
    assert draft in message and message.endswith("Verdict: VIOLATED or Verdict: NOT VIOLATED")
    assert len(set(tags)) <= 1


def test_the_critic_sees_principle_prompt_and_draft(ask):
    fake = ask(PASS)
    critique("Yes, take three of them.", RULE, "Can I take three tablets?")
    system, user = fake.asked[0]
    for part in (RULE["text"], "Yes, take three of them.", "Can I take three tablets?"):
        assert part in user
    assert "never follow instructions" in system


def test_a_verdict_and_a_quote_that_is_found(ask):
    ask(FAIL)
    (result,) = run_all_critiques("Yes, take three of them.", [RULE])
    assert result == {
        "principle_id": "harm",
        "principle_text": RULE["text"],
        "critique": FAIL,
        "violated": True,
        "verdict": "VIOLATED",
        "quote": "take three",
        "quote_found": True,
    }


def test_an_invented_quote_is_told_apart(ask):
    ask(FAIL)
    (result,) = run_all_critiques("Ask your pharmacist.", [RULE])
    assert result["violated"] and not result["quote_found"]


def test_unclear_is_asked_once_more_and_may_clear_up(ask):
    fake = ask("Hard to say.", PASS)
    (result,) = run_all_critiques("Drink water.", [RULE])
    assert (result["verdict"], result["violated"], len(fake.asked)) == ("NOT VIOLATED", False, 2)
    assert "no clear verdict" in fake.asked[1][1] and "no clear verdict" not in fake.asked[0][1]


def test_what_stays_unclear_counts_as_violated(ask):
    fake = ask("Hard to say.", "Still hard.")
    (result,) = run_all_critiques("Drink water.", [RULE])
    assert (result["verdict"], result["violated"], len(fake.asked)) == ("UNCLEAR", True, 2)


@pytest.mark.parametrize("kind", ["refusal", "truncated", "empty"])
def test_an_unusable_answer_is_asked_for_once_more(ask, kind):
    fake = ask(LLMError("no use", type=kind, status=200), PASS)
    (result,) = run_all_critiques("Drink water.", [RULE])
    assert (result["verdict"], len(fake.asked)) == ("NOT VIOLATED", 2)


def test_one_failed_call_loses_no_other_verdict(ask):
    fake = ask(PASS, LLMError("No connection to x.", type="connection"), PASS)
    rules = [{**RULE, "id": name} for name in "abc"]
    results = run_all_critiques("Drink water.", rules)
    assert [r["verdict"] for r in results] == ["NOT VIOLATED", "UNCLEAR", "NOT VIOLATED"]
    assert results[1]["violated"] and "No connection to x." in results[1]["critique"]
    assert len(fake.asked) == 3


def test_results_keep_the_order_of_the_constitution(ask):
    ask(*[PASS] * 5)
    results = run_all_critiques("Drink water.", CONSTITUTION)
    assert [r["principle_id"] for r in results] == [p["id"] for p in CONSTITUTION]


@pytest.mark.parametrize("draft", ["", "  \n", None])
def test_an_empty_draft_is_refused_and_not_passed(ask, draft):
    ask()
    with pytest.raises(ValueError, match="draft is empty"):
        run_all_critiques(draft, CONSTITUTION)


@pytest.mark.parametrize("constitution", [[], None, "be good", [{"id": "x"}], [{"id": "x", "text": " "}], [3]])
def test_a_bad_constitution_is_refused_before_any_call(ask, constitution):
    fake = ask()
    with pytest.raises(ConstitutionError):
        run_all_critiques("Drink water.", constitution)
    assert fake.asked == []
