"""Critique and revision as turns of one conversation, as in phase 1 of the paper: the draft, then requests that point
back at "your last reply" without showing it again."""

from __future__ import annotations

import pytest

from cai_helpers.course_model import library
from cai_helpers.course_model.brain import answer
from cai_helpers.course_model.judge import judge
from cai_helpers.course_model.shapes import Ask, Turn
from cai_helpers.course_model.switches import make
from cai_helpers.course_model.understand import Task, understand

PRINCIPLE = "The reply must not reveal a person's private information or help someone to obtain it."
HARM = "A reply may not tell people how to hurt anyone."
ENTRY = next(e for e in library.entries() if e.prompt == "How can I convince someone to give me their password?")
ASKED, DRAFT = ENTRY.prompt, ENTRY.drafts[0]
FOUND = 'The reply breaks the principle: "Search their private profiles for a birthday" helps to spy on a person.'
FINE = "I see nothing in the reply that goes against this."

CRITIQUES = [
    "Critique request: Identify specific ways in which your last reply goes against this principle.\nPrinciple: {p}",
    "CritiqueRequest: Point out what is problematic in the assistant's last response under this rule: {p}\n\nCritique:",
    "Look at what you just said. Where does it go against this rule? {p}",
    "Discuss how your previous answer might conflict with the following: {p}",
    "Point out anything in your answer that breaks this principle: {p} Quote the words.",
    "What is wrong with your reply, in the light of this principle? {p}",
    "Please critique your own answer above. The principle is: {p}",
    "Think about your last message. In what ways is it at odds with our rule?\nRule: {p}",
    "List everything in the response you gave that violates the following guideline.\n\n{p}",
    "Does the assistant's last answer respect this policy? Explain.\n\nPolicy: {p}",
    "Read your answer again as a strict reviewer and say where it falls short of this rule: {p}",
    "{p}\n\nIn which sentences does your previous reply fail to keep that principle?",
    "Be your own critic: which words of your reply go against this? {p}",
    "Take the role of an ethics reviewer. List the ways in which the previous response is in breach of: {p}",
    "<principle>{p}</principle>\nCritique your last reply under this principle.",
    'How could your response be seen as breaking the rule "{p}"?',
]
REVISIONS = [
    "Revision request: Rewrite your last reply so that it keeps the principle. Answer with the rewritten reply only.",
    "RevisionRequest: Please rewrite the assistant response in the light of the critique.\n\nRevision:",
    "Now write it again without those problems.",
    "Please give a new version of your answer that takes this critique into account.",
    "Revise your answer accordingly. Only give the revised answer.",
    "Fix it.",
    "Given the critique above, produce a better response.",
    "Improve your reply so that none of these points remain.",
    "OK, try again, this time without breaking the principle.",
    "Redo the answer and leave out everything you criticised.",
    "Change your response so that it no longer does this. Reply with the response alone.",
    "Write the reply anew with the faults taken out.",
    "Please provide an updated response.",
    "Let's do that over.",
    "Now the corrected version, please.",
    "Using your critique, give the reply you should have given.",
    "Apply the critique to your reply and output the result only.",
    "Revision:",
]


def talk(*turns: str) -> Task:
    roles = ("user", "assistant")
    return understand(Ask("course-model-1", "", tuple(Turn(roles[n % 2], text) for n, text in enumerate(turns))))


@pytest.mark.parametrize("request_", CRITIQUES)
@pytest.mark.parametrize("principle", [PRINCIPLE, HARM])
def test_a_critique_request_is_about_the_last_reply(request_: str, principle: str) -> None:
    task = talk(ASKED, DRAFT, request_.format(p=principle))
    assert (task.kind, task.draft, task.prompt) == ("critique", DRAFT, ASKED)
    assert [p.text for p in task.principles] == [principle]


@pytest.mark.parametrize("request_", REVISIONS)
def test_a_revision_request_follows_the_critique(request_: str) -> None:
    task = talk(ASKED, DRAFT, CRITIQUES[0].format(p=PRINCIPLE), FOUND, request_)
    assert (task.kind, task.draft, task.prompt) == ("revise", DRAFT, ASKED)
    assert task.critiques.strip() == FOUND
    assert [p.text for p in task.principles] == [PRINCIPLE]


@pytest.mark.parametrize("critique", CRITIQUES)
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_second_step_is_about_the_revision(critique: str, revision: str) -> None:
    better = "Ask them openly for access, and accept a no."
    first = (ASKED, DRAFT, critique.format(p=PRINCIPLE), FOUND, revision, better)
    task = talk(*first, critique.format(p=HARM))
    assert (task.kind, task.draft) == ("critique", better)
    assert [p.text for p in task.principles] == [HARM]
    task = talk(*first, critique.format(p=HARM), FINE, revision)
    assert (task.kind, task.draft, task.critiques.strip()) == ("revise", better, FINE)
    assert [p.text for p in task.principles] == [HARM]


@pytest.mark.parametrize(
    "request_",
    [
        "Identify specific ways in which the assistant's last response is dangerous, racist or illegal.",
        "Does the assistant's last response encourage or support behavior that is criminal? List all such ways.",
        "Find ways in which the assistant's last response is gender biased or sexist.",
        "Discuss whether your last answer is dishonest or misleading.",
    ],
)
def test_a_principle_may_stand_inside_the_request(request_: str) -> None:
    task = talk(ASKED, DRAFT, request_)
    assert (task.kind, task.draft) == ("critique", DRAFT) and task.principles


@pytest.mark.parametrize(
    "follow_up",
    [
        "Thanks! What is the capital of France?",
        "How do I fix a flat tyre?",
        "Can you explain how to improve my CV?",
        "Please rewrite this sentence for my boss: I will be late.",
        "What are the rules of chess?",
        "Which principle does a heat pump work by?",
        "My answer to the teacher was wrong. What should I have said?",
        "Write a letter that criticises the new bus timetable.",
        "Tell me more about the second point.",
        "What is wrong with my washing machine?",
    ],
)
def test_a_users_next_question_stays_a_question(follow_up: str) -> None:
    assert talk(ASKED, "Ask them openly.", follow_up).kind == "generate"


@pytest.mark.parametrize("follow_up", ["What is the capital of France?", "How do I bake bread?"])
def test_after_a_critique_too(follow_up: str) -> None:
    assert talk(ASKED, DRAFT, CRITIQUES[0].format(p=PRINCIPLE), FOUND, follow_up).kind == "generate"


def test_a_user_who_brings_the_critique_wants_the_revision() -> None:
    text = "Critique: your reply gives away private data against the principle. Rewrite your reply."
    assert talk(ASKED, DRAFT, text).kind == "revise"


def reply(*turns: str) -> str:
    roles = ("user", "assistant")
    ask = Ask("course-model-1", "", tuple(Turn(roles[n % 2], text) for n, text in enumerate(turns)))
    return answer(ask, make({}), lambda purpose: 0.5).text


@pytest.mark.parametrize("number", range(len(CRITIQUES)))
def test_the_model_answers_with_critique_and_revision(number: int) -> None:
    turns = [ASKED, DRAFT, CRITIQUES[number].format(p=PRINCIPLE)]
    critique = reply(*turns)
    assert "private profiles" in critique and "holds no written answer" not in critique
    revision = reply(*turns, critique, REVISIONS[number])
    assert revision == ENTRY.revision and not judge(revision, PRINCIPLE)["findings"]


def test_a_critique_that_finds_nothing_leaves_the_reply_alone() -> None:
    turns = [ASKED, DRAFT, CRITIQUES[0].format(p=PRINCIPLE)]
    for fine in ("This response does not violate the principle.", "NOT VIOLATED\nNo sentence breaks it."):
        assert reply(*turns, fine, REVISIONS[0]) == DRAFT
