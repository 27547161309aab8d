"""The reviser sees what it needs, and is not asked where nothing is broken."""

from __future__ import annotations

from fake_client import FakeClient, answers
from hypothesis import given
from hypothesis import strategies as st

from cai_helpers import client, revise
from cai_helpers.reviser import reviser_message


def finding(name, violated):
    return {
        "principle_id": name,
        "principle_text": f"No {name}.",
        "critique": f'Quote: "some {name}"\nVerdict: {"" if violated else "NOT "}VIOLATED',
        "violated": violated,
        "verdict": "VIOLATED" if violated else "NOT VIOLATED",
        "quote": f"some {name}" if violated else "",
        "quote_found": violated,
    }


def test_a_clean_draft_comes_back_untouched_without_a_call(monkeypatch):
    fake = FakeClient(answers())
    monkeypatch.setattr(client, "_current", fake)
    draft = "  Boil the kettle. \n"
    assert revise(draft, [finding("harm", False)]) is draft
    assert revise(draft, []) is draft
    assert fake.asked == []


def test_the_reviser_sees_prompt_draft_broken_and_kept_principles(monkeypatch):
    fake = FakeClient(answers("Better."))
    monkeypatch.setattr(client, "_current", fake)
    assert revise("The draft.", [finding("harm", True), finding("bias", False)], "The question?") == "Better."
    system, user = fake.asked[0]
    for part in ("The draft.", "The question?", "No harm.", "some harm", "No bias."):
        assert part in user
    assert "some bias" not in user
    assert "rewritten reply only" in system


@given(st.text())
def test_a_draft_cannot_leave_its_tags(draft):
    message = reviser_message(draft, [finding("harm", True)], [], "Why?")
    opening = message.split("The reply to rewrite:\n", 1)[1].split("\n", 1)[0]
    closing = "</" + opening[1:]
    assert message.count(closing) == 1 and f"{opening}\n{draft}\n{closing}" in message
