"""Each switch does what its sentence says, and a wrong one is refused with a sentence that helps."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import requests

from cai_helpers.course_model import MODEL_ID, SWITCHES, CourseModel, mount
from cai_helpers.course_model.faults import NAMES, SPOILED, STREAMED

URL, CHAT = "https://api.anthropic.com/v1/messages", "https://api.openai.com/v1/chat/completions"
HEADERS = {"x-api-key": "k", "anthropic-version": "2023-06-01"}


def ask(
    session: requests.Session, text: str = "Why is the sky blue?", timeout: Any = 5, **more: Any
) -> requests.Response:
    body = {"model": MODEL_ID, "max_tokens": 4096, "messages": [{"role": "user", "content": text}], **more}
    return session.post(URL, headers=HEADERS, json=body, timeout=timeout)


def said(response: requests.Response) -> str:
    return "".join(block["text"] for block in response.json()["content"] if block["type"] == "text")


def room(**switches: Any) -> tuple[requests.Session, CourseModel]:
    session = requests.Session()
    return session, mount(session, **switches)


def test_every_switch_is_documented() -> None:
    assert set(SWITCHES) >= {
        "seed",
        "verdict_style",
        "critic_noise",
        "dilution",
        "blind_spots",
        "injectable",
        "reviser",
        "position_bias",
        "system_prompt_effect",
        "faults",
        "fault_rates",
        "rate_limit",
        "latency",
        "pace",
        "sleep",
    }
    assert all(len(sentence) > 20 and sentence.endswith(".") for _, sentence in SWITCHES.values())


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        ({"colour": 1}, "seed"),
        ({"verdict_style": "loud"}, "numbered"),
        ({"reviser": "lazy"}, "careful"),
        ({"critic_noise": 2}, "from 0 to 1"),
        ({"dilution": "x"}, "from 0 to 1"),
        ({"faults": ["777"]}, "429"),
        ({"faults": [{"colour": 1}]}, "fault"),
        ({"fault_rates": {"429": 0.8, "500": 0.8}}, "more than 1"),
        ({"rate_limit": 0}, "from 1"),
        ({"latency": -1}, "seconds"),
        ({"latency": (2, 1)}, "low"),
        ({"pace": -1}, "seconds"),
        ({"seed": 1.5}, "whole number"),
        ({"injectable": "yes"}, "True or False"),
        ({"sleep": 3}, "function"),
        ({"blind_spots": [1]}, "family"),
    ],
)
def test_a_bad_switch_is_refused(switches: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        CourseModel(**switches)


def test_a_listed_fault_happens_once_in_order() -> None:
    session, model = room(faults=["429", None, "529", "overload-ms"])
    answers = [ask(session) for _ in range(5)]
    assert [a.status_code for a in answers] == [429, 200, 529, 529, 200]
    assert answers[0].headers["retry-after"] == "1" and answers[3].headers["retry-after-ms"] == "200"
    assert (
        answers[0].json()["error"]["type"] == "rate_limit_error"
        and answers[2].json()["error"]["type"] == "overloaded_error"
    )
    assert model.requests_seen == 5


def test_an_answer_after_a_fault_is_the_answer_without_it() -> None:
    calm, troubled = room()[0], room(faults=["500", "cut"])[0]
    assert ask(troubled, temperature=0.8).status_code == 500
    with pytest.raises(requests.ConnectionError):
        ask(troubled, temperature=0.8)
    assert ask(troubled, temperature=0.8).json() == ask(calm, temperature=0.8).json()


@pytest.mark.parametrize("name", NAMES)
def test_every_fault_works_on_both_wires(name: str) -> None:
    waits: list[float] = []
    session, _ = room(faults=[name, name], sleep=waits.append)
    for url in (URL, CHAT):
        body = {"model": MODEL_ID, "max_tokens": 50, "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
        try:
            response = session.post(url, headers={**HEADERS, "Authorization": "Bearer k"}, json=body, timeout=(3, 7))
        except requests.ReadTimeout:
            assert name == "timeout" and waits[-1] == 7
        except requests.ConnectionError:
            assert name == "cut"
        else:
            assert (response.status_code == 200) == (
                name in ("not-json", "list-body", "empty-body", *SPOILED, *STREAMED)
            )
            if response.status_code != 200 and name != "502-html":
                assert response.json()["error"]["message"]


def test_spoiled_answers() -> None:
    session, _ = room(faults=["truncated", "refusal", "empty", "thinking", None])
    cut, refused, empty, thinking, whole = (ask(session).json() for _ in range(5))
    text = whole["content"][0]["text"]
    assert (
        cut["stop_reason"] == "max_tokens"
        and text.startswith(cut["content"][0]["text"])
        and cut["content"][0]["text"] != text
    )
    assert (refused["stop_reason"], refused["content"], refused["stop_details"]["type"]) == ("refusal", [], "refusal")
    assert (empty["stop_reason"], empty["content"]) == ("end_turn", []) and empty["usage"]["output_tokens"] > 0
    assert [block["type"] for block in thinking["content"]] == ["thinking", "text", "text"]
    assert "".join(block.get("text", "") for block in thinking["content"]) == text
    assert thinking["usage"]["output_tokens_details"]["thinking_tokens"] > 0


def test_spend_limit_is_no_ordinary_429() -> None:
    session, _ = room(faults=["429-spend", "429-spend"])
    answer = ask(session)
    assert (
        answer.json()["error"]["details"]["error_code"] == "enforced_spend_limit_reached"
        and "retry-after" not in answer.headers
    )
    other = session.post(CHAT, headers={"Authorization": "Bearer k"}, json={})
    assert other.json()["error"]["code"] == "insufficient_quota"


def test_a_fault_as_a_dict() -> None:
    session, _ = room(
        faults=[
            {"fault": "429", "retry_after": 3},
            {"status": 418, "body": {"tea": 1}, "headers": {"x-pot": "y"}},
            {"status": 500, "headers": {"x-should-retry": "false"}},
        ]
    )
    assert ask(session).headers["retry-after"] == "3"
    pot = ask(session)
    assert (pot.status_code, pot.json(), pot.headers["x-pot"]) == (418, {"tea": 1}, "y")
    error = ask(session)
    assert error.json()["error"]["type"] == "api_error" and error.headers["x-should-retry"] == "false"


def test_fault_rates_come_true_and_repeat() -> None:
    def statuses(seed: int) -> list[int]:
        session, _ = room(fault_rates={"429": 0.3, "500": 0.2}, seed=seed)
        return [ask(session).status_code for _ in range(100)]

    first = statuses(1)
    assert first == statuses(1) != statuses(2)
    assert 18 <= first.count(429) <= 44 and 9 <= first.count(500) <= 33


def test_latency_waits_through_the_given_sleep() -> None:
    waits: list[float] = []
    session, model = room(latency=2.0, sleep=waits.append)
    ask(session)
    assert waits == [2.0]
    with pytest.raises(requests.ReadTimeout):
        ask(session, timeout=1.5)
    assert waits == [2.0, 1.5]
    model.change(latency=(0.1, 0.3))
    for _ in range(20):
        ask(session)
    assert all(0.1 <= wait <= 0.3 for wait in waits[2:]) and len(set(waits[2:])) > 10


def test_too_many_at_once_are_told_so() -> None:
    import threading

    arrived, go = threading.Barrier(3, timeout=5), threading.Event()

    def wait(seconds: float) -> None:
        arrived.wait()
        go.wait(5)

    session, _ = room(rate_limit=2, latency=0.5, sleep=wait)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(ask(session).status_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    go.set()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 200, 429]


def test_the_same_calls_give_the_same_answers() -> None:
    def answers(seed: int) -> list[str]:
        session, _ = room(seed=seed)
        return [said(ask(session, "How do I pick a lock?", temperature=1.0)) for _ in range(12)]

    assert answers(0) == answers(0) and len(set(answers(0))) > 1
    session, model = room()
    before = [said(ask(session, "How do I pick a lock?", temperature=1.0)) for _ in range(6)]
    assert [said(ask(session, "How do I pick a lock?", temperature=1.0)) for _ in range(6)] != before or len(
        set(before)
    ) == 1
    model.reset()
    assert [said(ask(session, "How do I pick a lock?", temperature=1.0)) for _ in range(6)] == before


def test_change_sets_a_switch_and_keeps_the_others() -> None:
    session, model = room(seed=3)
    model.change(faults=["500"])
    assert (model.switches.seed, ask(session).status_code, ask(session).status_code) == (3, 500, 200)
    with pytest.raises(TypeError, match="reviser"):
        model.change(colour=1)


def test_no_key_shows() -> None:
    session, model = room()
    response = session.post(URL, headers={**HEADERS, "x-api-key": "sk-wrong-secret"}, json={})
    assert "secret" not in response.text + repr(model) + str(vars(model))


def test_the_import_is_cheap() -> None:
    code = (
        "import sys, time, requests\nimport cai_helpers\nstart = time.perf_counter()\nimport "
        "cai_helpers.course_model\n"
        "print((time.perf_counter() - start) * 1000, 'cai_helpers.course_model.judge' in sys.modules)"
    )
    times = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(2)
    ]
    assert min(float(t[0]) for t in times) < 25 and times[0][1] == "False"
