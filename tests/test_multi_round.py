"""Several rounds: why they stop, which text counts as best, and that only a checked text comes out."""

from __future__ import annotations

import pytest
from fake_client import FakeClient, answers

from cai_helpers import CONSTITUTION, LLMError, client, connect, multi_round_pipeline, parallel_critique
from cai_helpers.critic import run_all_critiques
from cai_helpers.pipeline import WITHHELD

RULES = [{"id": "a", "text": "No A."}, {"id": "b", "text": "No B."}]
PROMPT = "How can I convince someone to give me their password?"


class Room:
    """A generator, critics and a reviser that are played: `revisions` gives the next text, and a text breaks the
    rules whose letters stand in it in upper case."""

    def __init__(self, *texts):
        self.texts, self.checked, self.revised = list(texts), [], []

    def __call__(self, system, user):
        if "review a reply" in system:
            text = user.split("The reply to judge:\n<draft-")[1].split("\n")[1]
            letter = "A" if "No A." in user else "B"
            self.checked.append(text)
            return f'Quote: "{text}"\nVerdict: VIOLATED' if letter in text else "Verdict: NOT VIOLATED"
        if "rewrite" in system:
            self.revised.append(user.split("The reply to rewrite:\n<draft-")[1].split("\n")[1])
        return self.texts.pop(0)


@pytest.fixture
def play(monkeypatch):
    def run(*texts, **options):
        room = Room(*texts)
        monkeypatch.setattr(client, "_current", FakeClient(room))
        return multi_round_pipeline("Why?", RULES, **options), room

    return run


def table(result):
    return [tuple(checked["by_principle"].values()) for checked in result["rounds"]]


def test_a_clean_draft_needs_one_check(play):
    result, room = play("fine")
    assert (result["status"], result["stopped"], result["final"], result["calls"]) == ("clean", "clean", "fine", 3)
    assert room.revised == [] and table(result) == [(0, 0)]


def test_one_round(play):
    result, _ = play("A", "fine")
    assert (result["status"], result["final"], result["calls"]) == ("revised", "fine", 6)
    assert table(result) == [(1, 0), (0, 0)]


def test_two_rounds_where_the_first_revision_breaks_another_principle(play):
    result, _ = play("A", "B", "fine")
    assert (result["status"], result["best_round"]) == ("revised", 3)
    assert table(result) == [(1, 0), (0, 1), (0, 0)]


def test_a_text_that_comes_back_stops_the_rounds_and_is_not_judged_again(play):
    result, room = play("A", "B", " A ", max_rounds=9)
    assert (result["status"], result["stopped"], result["final"]) == ("withheld", "repeated text", WITHHELD)
    assert table(result) == [(1, 0), (0, 1), (1, 0)]
    assert room.checked == ["A", "A", "B", "B"]


def test_the_same_findings_twice_stop_the_rounds(monkeypatch):
    def answer(system, user):
        if "review a reply" in system:
            return 'Quote: "draft"\nVerdict: VIOLATED' if "No A." in user else "Verdict: NOT VIOLATED"
        return texts.pop(0)

    texts = ["a draft", "another draft", "a third draft"]
    monkeypatch.setattr(client, "_current", FakeClient(answer))
    result = multi_round_pipeline("Why?", RULES, max_rounds=9)
    assert (result["stopped"], len(result["rounds"]), result["final"]) == ("same findings", 2, WITHHELD)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_last_revision_is_checked_too(play, limit):
    result, room = play("A1", "A2", "A3", "A4", max_rounds=limit)
    assert (result["stopped"], result["final"], result["status"]) == ("round limit", WITHHELD, "withheld")
    assert len(room.revised) == limit and len(result["rounds"]) == limit + 1
    assert room.checked[-1] == f"A{limit + 1}"
    assert result["calls"] == 1 + 2 + limit * 3


def test_the_last_allowed_revision_may_pass(play):
    result, _ = play("A1", "A2", "fine", max_rounds=2)
    assert (result["status"], result["final"]) == ("revised", "fine")


def test_a_worse_revision_does_not_replace_a_better_one(play):
    result, room = play("A", "A and B", "fine")
    assert room.revised == ["A", "A"]
    assert result["status"] == "revised"


def test_the_best_text_is_named_where_nothing_passes(play):
    result, _ = play("A and B", "A", "A and B again", max_rounds=2)
    assert (result["status"], result["best_round"]) == ("withheld", 2)


def test_severity_decides_between_equally_many_violations(monkeypatch):
    rules = [{"id": "a", "text": "No A.", "severity": 3}, {"id": "b", "text": "No B."}]
    room = Room("A1", "B1", "A2")
    monkeypatch.setattr(client, "_current", FakeClient(room))
    result = multi_round_pipeline("Why?", rules, max_rounds=2)
    assert result["best_round"] == 2
    assert room.revised == ["A1", "B1"]


def test_calls_and_tokens_of_the_rounds_add_up(play):
    result, _ = play("A", "B", "A")
    assert sum(checked["calls"] for checked in result["rounds"]) == result["calls"] == 1 + 2 + 1 + 2 + 1


@pytest.mark.parametrize("limit", [0, -1, 1.5, None, "3", True])
def test_a_bad_round_limit(play, limit):
    with pytest.raises(ValueError, match="max_rounds must be a whole number from 1 up"):
        play("A", max_rounds=limit)


def test_a_reviser_that_fails_leaves_nothing_unchecked(play):
    result, _ = play("A", LLMError("The server is overloaded.", type="overloaded_error"))
    assert (result["status"], result["final"], result["stopped"]) == ("withheld", WITHHELD, "no answer")
    assert result["error"] == "The server is overloaded." and result["raw"] == "A"


def test_a_declined_prompt_is_withheld(play):
    result, room = play(LLMError("declined", type="refusal", status=200))
    assert (result["status"], result["rounds"], result["raw"], result["best_round"]) == ("withheld", [], "", 0)
    assert (result["stopped"], result["error"]) == ("no answer", "declined") and room.checked == []


def test_a_given_draft_is_checked_instead_of_a_generated_one(play):
    result, room = play(draft="fine")
    assert (result["raw"], result["status"], result["calls"]) == ("fine", "clean", 2)
    with pytest.raises(ValueError, match="draft is empty"):
        play(draft=" ")


def test_critics_that_skip_a_principle_are_refused(play):
    with pytest.raises(ValueError, match="one critique for each principle"):
        play("fine", critics=lambda text, rules, prompt: run_all_critiques(text, rules[:1], prompt))


def test_critics_can_be_exchanged(play):
    one, _ = play("A", "B", "fine")
    other, _ = play("A", "B", "fine", critics=parallel_critique)
    assert table(one) == table(other) and one["final"] == other["final"]


def test_a_server_that_dies_in_the_middle_of_a_round(monkeypatch):
    left = ["A", 'Quote: "A"\nVerdict: VIOLATED']
    dead = LLMError("No connection to x.", type="connection")
    fake = FakeClient(lambda system, user: left.pop(0) if left else dead)
    monkeypatch.setattr(client, "_current", fake)
    result = multi_round_pipeline("Why?", RULES)
    assert (result["status"], result["final"], result["stopped"]) == ("withheld", WITHHELD, "no answer")
    assert result["rounds"][0]["verdicts"] == {"a": "VIOLATED", "b": "UNCLEAR"}


def test_no_draft_at_all_is_the_clients_error(monkeypatch):
    monkeypatch.setattr(client, "_current", FakeClient(answers(LLMError("No connection to x.", type="connection"))))
    with pytest.raises(LLMError, match="No connection"):
        multi_round_pipeline("Why?", RULES)


def test_one_principle_and_two_hundred():
    connect("course")
    alone = multi_round_pipeline(PROMPT, CONSTITUTION[3:4])
    assert alone["status"] == "revised" and len(alone["rounds"][0]["details"]) == 1
    many = [{"id": f"p{n}", "text": CONSTITUTION[n % 5]["text"]} for n in range(200)]
    result = multi_round_pipeline("What is an easy recipe for bread?", many)
    assert result["status"] == "clean" and result["calls"] == 201


def test_one_round_is_the_plain_pipeline():
    from cai_helpers import constitutional_ai_pipeline

    for prompt in (PROMPT, "What is an easy recipe for bread?"):
        connect("course")
        one = constitutional_ai_pipeline(prompt, CONSTITUTION)
        connect("course")
        other = multi_round_pipeline(prompt, CONSTITUTION, max_rounds=1)
        assert [other[k] for k in ("final", "status", "calls")] == [one[k] for k in ("final", "status", "calls")]
