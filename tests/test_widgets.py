"""The views of lessons 01 to 08, as a reader meets them: in text, in HTML, by clicks and by typing."""

from __future__ import annotations

import copy
import html
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
import requests
from fake_client import FakeClient, answers
from hypothesis import given, settings
from hypothesis import strategies as st

from cai_helpers import (
    CONSTITUTION,
    ConstitutionError,
    client,
    connect,
    load_constitution,
    multi_round_pipeline,
    parallel_critique,
    widgets,
)
from cai_helpers.client import Client
from cai_helpers.connection import keep_key
from cai_helpers.diff import diff_text, find_words, mark_quotes, word_diff
from cai_helpers.verdict import quote_in
from cai_helpers.widgets import (
    STATUS,
    STOPPED,
    TEXT_ONLY,
    WIDGET_VIEW,
    View,
    edit_constitution,
    inspect_requests,
    progress_bar,
    show_diff,
    show_rounds,
    show_stages,
)

KEY = "test-key-1234567890-abcdef"
EVIL = "<script>alert('x')</script> & <b>bold</b>"


# --- helpers: what a reader sees and can touch ---


def walk(widget: Any) -> Iterator[Any]:
    """A widget and everything in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def control(view: View, words: str) -> Any:
    """The one control with this description."""
    [found] = [w for w in walk(view.widget) if getattr(w, "description", None) == words]
    return found


def shown(view: View) -> str:
    """The HTML of a view."""
    return "".join(w.value for w in walk(view.widget) if isinstance(w, ipywidgets.HTML))


def words_shown(source: str) -> list[str]:
    """What a reader reads in HTML: the words, without style and tags."""
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", source, flags=re.S))).split()


def squeeze(text: str) -> str:
    return "".join(text.split())


# --- the view itself ---


def test_importing_the_package_loads_no_widgets() -> None:
    code = (
        "import sys, cai_helpers; print('cai_helpers.widgets' in sys.modules, 'ipywidgets' in sys.modules);"
        "import cai_helpers.widgets; print('ipywidgets' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


def test_a_notebook_gets_the_widget_and_the_text() -> None:
    view = show_diff("a b", "a c")
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == view.text == repr(view)
    assert bundle[WIDGET_VIEW]["model_id"] == view.widget.model_id
    assert set(bundle) == {"text/plain", WIDGET_VIEW}


def test_without_ipywidgets_there_is_the_text_and_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with_controls = edit_constitution(CONSTITUTION)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    view = edit_constitution(CONSTITUTION)
    assert view.widget is None and view._repr_mimebundle_() == {"text/plain": view.text}
    assert view.text == f"{with_controls.text}\n\n{TEXT_ONLY}"
    assert view.constitution == CONSTITUTION


def test_text_cannot_hide_words_behind_control_characters() -> None:
    text = show_diff("safe \x1b[8m\r half \ud800", "safe").text
    assert "\x1b" not in text and "\r" not in text and r"\x1b[8m" in text
    text.encode("utf-8")


# --- show_diff ---


def taken_out(text: str, drop: str, keep: str) -> str:
    """The text without pieces in marks of one kind, and without the other kind's marks."""
    pairs = {"removed": r"\[(-+)(.*?)\1\]", "added": r"\{(\++)(.*?)\1\}"}
    return re.sub(pairs[keep], r"\2", re.sub(pairs[drop], "", text, flags=re.S), flags=re.S)


def test_diff_says_what_went_and_what_came() -> None:
    assert diff_text("Tell them it is urgent.", "Tell them the truth.") == ("Tell them [-it is urgent-]{+the truth+}.")


def test_a_removed_sentence_is_marked_from_its_first_word() -> None:
    assert diff_text("Be nice. Lie to them. Go home.", "Be nice. Go home.") == ("Be nice. [-Lie to them. -]Go home.")


def test_a_kept_sentence_shows_as_kept_between_longer_changes() -> None:
    kept = "Greet them first."
    text = diff_text(f"Press them hard again. {kept} Then lie a lot.", f"Ask them once only. {kept} Accept what comes.")
    assert kept in text


def test_a_text_written_anew_is_one_change() -> None:
    before = (
        "Press them for some days or weeks until they give in. If they hesitate, make them feel very guilty about it."
    )
    after = "Ask the help desk for the rights that you need today. If it is yours, use the reset link instead."
    assert [piece.kind for piece in word_diff(before, after)] == ["removed", "added", "same"]


PIECES = st.lists(st.sampled_from(["a", "the", ".", "\n", "don't", "x-y", " ", "  ", "é", "(", "<b>", "1"]))


@given(PIECES, PIECES)
@settings(max_examples=200, deadline=None)
def test_without_the_marks_a_diff_is_both_texts(first: list[str], second: list[str]) -> None:
    before, after = "".join(first), "".join(second)
    text = diff_text(before, after)
    assert taken_out(text, "added", "removed") == before
    assert taken_out(text, "removed", "added") == after


SIGNS = st.text(st.sampled_from(["[", "]", "-", "{", "}", "+", "a", " ", ".", "\n"]), max_size=20)


@given(SIGNS, SIGNS)
@settings(max_examples=200, deadline=None)
def test_texts_with_marks_of_their_own_lose_nothing(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after


def test_marks_grow_where_a_text_holds_them() -> None:
    assert diff_text("x [-y-] z", "x z") == "x [--[-y-] --]z"


def test_diff_view_has_signs_in_words_and_tags() -> None:
    view = show_diff("Lie to them.", "Ask them.")
    assert "[-Lie to-]{+Ask+} them." in view.text
    assert "Words removed: 2, added: 1, kept: 1." in view.text
    for tag, sign in (("del", "[-"), ("ins", "{+")):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", shown(view))
        assert words_shown(inside)[0] == sign


def test_equal_texts_have_no_difference() -> None:
    assert "No difference" in show_diff("Same.", "Same.").text
    assert "(no text)" in show_diff("", "").text


def test_only_texts_are_compared() -> None:
    with pytest.raises(ValueError, match="NoneType is not a text"):
        show_diff("a", None)  # type: ignore[arg-type]


# --- quotes ---


def test_quoted_words_are_marked_where_they_stand() -> None:
    text = "First be “nice”.\nThen TELL them\nit is urgent, now."
    pieces = mark_quotes(text, [("a", "tell them it is urgent"), ("b", "urgent, now"), ("c", "not there")])
    assert "".join(piece.text for piece in pieces) == text
    assert [(p.text, p.names) for p in pieces if p.kind == "quoted"] == [
        ("TELL them\nit is ", ("a",)),
        ("urgent", ("a", "b")),
        (", now", ("b",)),
    ]


LETTERS = st.lists(st.sampled_from([*"aB .\n\"'*_“", "e\u0301", "ﬁ", "..."]), max_size=25)


@given(LETTERS, st.integers(0, 20), st.integers(1, 10))
@settings(max_examples=300, deadline=None)
def test_marks_agree_with_the_check_of_quotes(letters: list[str], start: int, length: int) -> None:
    text, quote = "".join(letters), "".join(letters[start : start + length]).upper()
    spans = find_words(quote, text)
    assert bool(spans) == quote_in(quote, text)
    assert all(re.search(r"\w", text[a:b]) for a, b in spans)


# --- inspect_requests ---


class Canned(requests.adapters.BaseAdapter):
    """A server that gives prepared answers; None lets the connection fail."""

    def __init__(self, answers: list[tuple[int, Any] | None]):
        super().__init__()
        self.answers = answers

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        answer = self.answers.pop(0)
        if answer is None:
            raise requests.ConnectionError
        response = requests.Response()
        response.status_code, body = answer
        response.headers["request-id"] = "req_1"
        response._content = (body if isinstance(body, str) else json.dumps(body)).encode()
        return response

    def close(self) -> None:
        pass


def message(text: str) -> dict[str, Any]:
    """A reply of the Messages API."""
    blocks = [{"type": "text", "text": text}]
    return {"content": blocks, "stop_reason": "end_turn", "usage": {"input_tokens": 7, "output_tokens": 3}}


@pytest.fixture
def ask() -> Callable[..., Client]:
    """A client that has asked one question per answer."""

    def make(*answers: tuple[int, Any] | None, question: str = "Why is the sky blue?") -> Client:
        sign, hide = keep_key(KEY)
        client = Client("model-x", "https://api.test", {"a-version": "1"}, sign, hide, takes_temperature=False)
        client.session.mount("https://api.test", Canned([*answers]))
        client.max_attempts, client.sleep = 1, lambda _: None
        for number, _ in enumerate([*answers], 1):
            try:
                client.call("Be brief.", f"{question} ({number})", temperature=0.5)
            except Exception as problem:
                assert type(problem).__name__ == "LLMError"
        return client

    return make


def test_exchanges_are_listed_and_the_newest_is_in_full(ask: Callable[..., Client]) -> None:
    view = inspect_requests(
        ask((200, message("Because of scattering.")), (429, {"error": {"type": "rate_limit_error"}}))
    )
    assert "1. status 200, end_turn, 7 tokens in, 3 tokens out" in view.text
    assert "answered: Because of scattering." in view.text
    assert "2. status 429, rate_limit_error" in view.text
    assert "Exchange 2 in full" in view.text and "POST https://api.test/v1/messages" in view.text
    assert '"content": "Why is the sky blue? (2)"' in view.text
    assert "Note: temperature left out: model-x does not take it" in view.text


def test_choosing_an_exchange_shows_it(ask: Callable[..., Client]) -> None:
    view = inspect_requests(ask((200, message("One.")), (200, message("Two."))))
    control(view, "Exchange").index = 0
    assert "Exchange 1 in full" in shown(view) and "Exchange 1 in full" in view.text
    assert '"text": "One."' in view.text and '"text": "Two."' not in view.text


def test_the_key_is_nowhere(ask: Callable[..., Client]) -> None:
    client = ask((401, {"error": {"type": "authentication_error", "message": f"bad key {KEY}"}}))
    client.trace[0]["headers"]["Authorization"] = f"Bearer {KEY}"  # as if somebody had recorded it
    view = inspect_requests(client)
    for text in (view.text, shown(view), str(control(view, "Exchange").options)):
        assert KEY not in text
    assert "x-api-key: [hidden]" in view.text and "Authorization: [hidden]" in view.text


def test_seconds_only_where_asked(ask: Callable[..., Client]) -> None:
    client = ask((200, message("Yes.")))
    view = inspect_requests(client)
    assert "Seconds" not in view.text and "Seconds:" in inspect_requests(client, seconds=True).text
    control(view, "Show seconds").value = True
    assert re.search(r"Seconds: \d+\.\d{3}", view.text) and "Seconds:" in shown(view)


def test_the_text_is_the_same_in_every_run(ask: Callable[..., Client]) -> None:
    first, second = (inspect_requests(ask((200, message("Yes.")))).text for _ in range(2))
    assert first == second


def test_last_keeps_the_numbers(ask: Callable[..., Client]) -> None:
    view = inspect_requests(ask(*[(200, message(f"Answer {n}.")) for n in range(1, 5)]), last=2)
    assert "Answer 2." not in view.text
    assert "3. status 200" in view.text and "Exchange 4 in full" in view.text


def test_the_trace_can_be_read_again(ask: Callable[..., Client]) -> None:
    client = ask((200, message("One.")))
    view = inspect_requests(client)
    client.trace.append({**client.trace[0], "reply": message("Two.")})
    assert "Two." not in view.text
    control(view, "Read the trace again").click()
    assert "Two." in view.text and "Two." in shown(view) and len(control(view, "Exchange").options) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [(None, "No reply: connection."), ((200, "<html>busy</html>"), "<html>busy</html>"), ((200, []), "status 200")],
)
def test_answers_that_are_none(ask: Callable[..., Client], answer: Any, said: str) -> None:
    assert said in inspect_requests(ask(answer)).text


def test_exchanges_of_the_other_wire_format() -> None:
    class Other:
        trace = [
            {
                "url": "https://other.test/v1/chat/completions",
                "headers": {"authorization": "Bearer [hidden]"},
                "body": {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]},
                "status": 200,
                "reply": {
                    "choices": [{"message": {"content": "Hi."}, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 4, "completion_tokens": 2},
                },
            }
        ]

    text = inspect_requests(Other()).text
    assert "1. status 200, stop, 4 tokens in, 2 tokens out" in text
    assert "asked: Hello?" in text and "answered: Hi." in text


def test_no_exchange_and_no_client(ask: Callable[..., Client]) -> None:
    view = inspect_requests(ask())
    assert view.text.startswith("No exchange yet.") and "No exchange yet." in shown(view)
    control(view, "Read the trace again").click()
    with pytest.raises(ValueError, match="connect"):
        inspect_requests("course")
    with pytest.raises(ValueError, match="1 or more"):
        inspect_requests(ask(), last=0)


def test_a_callback_says_what_failed(ask: Callable[..., Client]) -> None:
    client = ask((200, message("One.")))
    view = inspect_requests(client)
    client.trace = 5  # type: ignore[assignment]
    control(view, "Read the trace again").click()
    assert "That did not work" in shown(view)


# --- edit_constitution ---


def test_typing_changes_the_lint_beside_it() -> None:
    view = edit_constitution([{"id": "harm", "text": "The reply must be good."}])
    vague = '"good" means something else to everybody: name what must not happen.'
    assert vague in view.text and vague in html.unescape(shown(view))
    control(view, "1. text").value = "The reply must not promise a refund."
    assert vague not in view.text and vague not in html.unescape(shown(view))
    assert "Lint: nothing to mend." in view.text and "Lint: nothing to mend." in shown(view)


def test_what_is_typed_is_in_the_constitution_and_the_given_list_is_not_touched() -> None:
    given_list = copy.deepcopy(CONSTITUTION)
    view = edit_constitution(given_list)
    control(view, "2. id").value, control(view, "2. text").value = "truth", "The reply must not invent a study."
    assert view.constitution[1]["id"] == "truth" and view.constitution[1]["text"].endswith("a study.")
    assert view.constitution[1]["benign_twin"] == CONSTITUTION[1]["benign_twin"]
    view.constitution.clear()
    view.constitution[0]["id"] = "other"
    assert given_list == CONSTITUTION and view.constitution[0]["id"] == "harm"


@pytest.mark.parametrize(
    ("name", "said"),
    [("bias", 'Two principles have the id "bias". Give each its own.'), ("  ", "has no id"), ("", "has no id")],
)
def test_a_bad_id_is_said_in_a_sentence(name: str, said: str) -> None:
    view = edit_constitution(CONSTITUTION)
    assert "This constitution can be used." in view.text
    control(view, "1. id").value = name
    assert "This constitution cannot be used yet." in view.text
    assert said in view.text and said in html.unescape(shown(view))


def test_add_remove_and_undo() -> None:
    view = edit_constitution(CONSTITUTION)
    control(view, "Add a principle").click()
    control(view, "6. id").value, control(view, "6. text").value = "tone", "The reply must stay polite."
    control(view, "Remove principle 2").click()
    assert [p["id"] for p in view.constitution] == ["harm", "bias", "privacy", "manipulation", "tone"]
    assert "Principle 2 (honesty) is removed." in view.text
    control(view, "1. text").value = "The reply must not name a dose."
    control(view, "Undo").click()
    assert [p["id"] for p in view.constitution][:3] == ["harm", "honesty", "bias"]
    assert view.constitution[0]["text"] == "The reply must not name a dose."  # an edit in between is kept
    assert control(view, "Undo").disabled


def test_rows_stay_while_one_types() -> None:
    view = edit_constitution(CONSTITUTION)
    row = control(view, "3. text")
    row.value = "The reply must not joke about a group of people."
    assert control(view, "3. text") is row


def test_everything_can_be_removed() -> None:
    view = edit_constitution(CONSTITUTION[:1])
    control(view, "Remove principle 1").click()
    assert view.constitution == [] and "The constitution is empty" in view.text


def test_save_and_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    view = edit_constitution(CONSTITUTION)
    control(view, "File name").value = "mine.json"
    control(view, "1. id").value = "injury"
    control(view, "Save to this file").click()
    assert "Saved 5 principles to mine.json." in view.text
    assert load_constitution("mine.json") == view.constitution
    control(view, "Remove principle 1").click()
    control(view, "Load from this file").click()
    assert view.constitution[0]["id"] == "injury" and "Loaded mine.json." in view.text
    control(view, "Undo").click()
    assert view.constitution[0]["id"] == "honesty"
    control(view, "Undo").click()
    assert view.constitution[0]["id"] == "injury"


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[]", '[{"id": "a"}]', "\x00", None, "[" * 100_000])
def test_a_bad_file_loses_nothing(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "bad.json"
    if content is not None:
        path.write_text(content, "utf-8")
    view = edit_constitution(CONSTITUTION)
    control(view, "1. id").value = "injury"
    before = view.constitution
    control(view, "File name").value = str(path)
    control(view, "Load from this file").click()
    assert view.constitution == before
    assert re.search(r"Nothing was loaded|That did not work", view.text)
    control(view, "Save to this file").click()
    if content is not None:
        assert path.read_text("utf-8") == content
        assert re.search(r"Nothing was written|That did not work", view.text)


@pytest.mark.parametrize("name", ["", "  ", "notes.txt", ".json", "a\0.json", "no/such/folder/x.json"])
def test_names_that_cannot_be_saved_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    view = edit_constitution(CONSTITUTION)
    control(view, "File name").value = name
    control(view, "Save to this file").click()
    assert "Nothing was written" in view.text and list(tmp_path.iterdir()) == []


def test_a_constitution_that_cannot_be_used_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    view = edit_constitution(CONSTITUTION)
    control(view, "File name").value = str(path)
    control(view, "Save to this file").click()
    kept = path.read_text("utf-8")
    control(view, "1. text").value = "half a character: \ud800"
    control(view, "Save to this file").click()
    assert "Nothing was written" in view.text and path.read_text("utf-8") == kept
    control(view, "1. text").value = " "
    control(view, "Save to this file").click()
    assert "Nothing was written. Principle harm has no text." in view.text and path.read_text("utf-8") == kept


def test_an_editor_opens_on_mistakes_but_not_on_other_things() -> None:
    view = edit_constitution([{"id": None, "text": 3}, {}])  # type: ignore[list-item, typeddict-item]
    assert view.constitution == [{"id": "", "text": "3"}, {"id": "", "text": ""}]
    for wrong in ("be nice", {"id": "a", "text": "b"}, None):
        with pytest.raises(ConstitutionError, match="list of principles"):
            edit_constitution(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConstitutionError, match="Principle 1 is not a dict"):
        edit_constitution(["be nice"])  # type: ignore[list-item]


# --- show_stages ---

DRAFT = "Greet them. Tell them it is urgent.\nThen ask for it."
REVISION = "Greet them. Tell them why you ask.\nThen accept the answer."


def verdict(name: str, said: str, quote: str = "", found: bool = False) -> dict[str, Any]:
    return {
        "principle_id": name,
        "principle_text": f"The reply must keep {name}.",
        "critique": f"Words of the critic on {name}.\nVerdict: {said}",
        "violated": said != "NOT VIOLATED",
        "verdict": said,
        "quote": quote,
        "quote_found": found,
    }


def checked(*details: dict[str, Any]) -> dict[str, Any]:
    broken = sum(c["violated"] for c in details)
    return {"total": len(details), "violations": broken, "details": list(details), "time_sec": 1.25}


@pytest.fixture
def result() -> dict[str, Any]:
    """A run of the pipeline that ended in a revision."""
    first = checked(
        verdict("calm", "VIOLATED", "tell them it is urgent", True),
        verdict("truth", "VIOLATED", "a secret study", False),
        verdict("taste", "UNCLEAR"),
        verdict("peace", "NOT VIOLATED"),
    )
    return {
        "prompt": "How do I get it?",
        "stages": {
            "generate": {"output": DRAFT, "time_sec": 1.25},
            "critique": first,
            "revise": {"output": REVISION, "time_sec": 1.25},
            "recheck": checked(*(verdict(c["principle_id"], "NOT VIOLATED") for c in first["details"])),
        },
        "calls": 10,
        "tokens": 321,
        "total_time_sec": 5.5,
        "final": REVISION,
        "status": "revised",
    }


def test_the_stages_in_text(result: dict[str, Any]) -> None:
    text = show_stages(result).text
    assert "Prompt: How do I get it?" in text
    assert ">>Tell them it is urgent<< [calm]." in text
    assert 'Quote, found in the draft: "tell them it is urgent"' in text
    assert 'Quote, NOT found in the draft: "a secret study"' in text
    assert "3 of 4 principles broken" in text and "0 of 4 principles broken" in text
    assert "taste: UNCLEAR, counts as broken" in text
    assert "Tell them [-it is urgent-]{+why you ask+}." in text
    assert "Status: revised. The revision passed its own check." in text
    assert "Calls: 10, tokens: 321." in text


def test_every_quote_of_a_broken_principle_is_marked_and_no_other(result: dict[str, Any]) -> None:
    first, *_, kept = result["stages"]["critique"]["details"]
    first["critique"] = 'Quote: "not in it"\nQuote: "Then ask for it"\nThat presses people.\nVerdict: VIOLATED'
    kept["critique"] = 'Quote: "Greet them."\nThat is kind.\nVerdict: NOT VIOLATED'
    text = show_stages(result).text
    assert "Greet them. >>Tell them it is urgent<< [calm].\n  >>Then ask for it<< [calm]." in text


def test_each_stage_on_a_click(result: dict[str, Any]) -> None:
    view = show_stages(result)
    choice = control(view, "Stage")
    assert "Stage 1, draft" in shown(view) and "Stage 2" not in shown(view)
    choice.value = "3 Revision"
    assert "<del>" in shown(view) and "Stage 1" not in shown(view)
    choice.value = "All"
    assert "Stage 1, draft" in shown(view) and "Status: revised" in shown(view)


def test_no_times_unless_asked(result: dict[str, Any]) -> None:
    assert "econds" not in show_stages(result).text
    text = show_stages(result, seconds=True).text
    assert text.count("Seconds: 1.25") == 4 and "seconds: 5.5" in text


def test_the_view_does_not_follow_later_changes_of_the_result(result: dict[str, Any]) -> None:
    view = show_stages(result)
    before = view.text
    result["stages"]["generate"]["output"] = "something else"
    assert view.text == before


def test_a_clean_run(result: dict[str, Any]) -> None:
    result["stages"] = {
        "generate": {"output": DRAFT},
        "critique": checked(verdict("calm", "NOT VIOLATED")),
        "revise": {"output": DRAFT},
    }
    result.update(status="clean", final=DRAFT)
    text = show_stages(result).text
    assert "No critic quotes words against it." in text
    assert "Nothing to revise: no principle is broken" in text
    assert "Not needed: there was no revision to check." in text
    assert "Status: clean. The draft broke no principle." in text


def test_runs_that_stopped_early(result: dict[str, Any]) -> None:
    result["stages"]["revise"] = {"output": "", "error": "The server failed."}
    del result["stages"]["recheck"]
    assert "There is no revision. The server failed." in show_stages(result).text
    result["stages"] = {"generate": {"output": "", "error": "The model declined."}, "critique": checked()}
    result.update(status="withheld", final="I can't.")
    text = show_stages(result, seconds=True).text
    assert "There is no draft. The model declined." in text and "Nothing was judged: there is no draft." in text
    assert "Status: withheld." in text


def test_only_results_have_stages() -> None:
    for wrong in ("text", {}, {"stages": []}, None):
        with pytest.raises(ValueError, match="constitutional_ai_pipeline"):
            show_stages(wrong)  # type: ignore[arg-type]


# --- show_rounds ---

TEXTS = [
    "Press her. Nurses are soft. Ask.",
    "Ask her. Nurses are soft. Ask.",
    "Ask her. Fear works. Ask.",
    "Ask her once.",
]


def a_round(number: int, **said: str) -> dict[str, Any]:
    """A round: per principle the quote against it, "" where it is kept."""
    details = [verdict(name, "VIOLATED" if q else "NOT VIOLATED", q, bool(q)) for name, q in said.items()]
    return {
        "round": number,
        "text": TEXTS[number - 1],
        "violations": sum(c["violated"] for c in details),
        "by_principle": {c["principle_id"]: int(c["violated"]) for c in details},
        "verdicts": {c["principle_id"]: c["verdict"] for c in details},
        "details": details,
        "calls": 3,
        "tokens": 100 + number,
        "time_sec": 9.75,
    }


@pytest.fixture
def rounds() -> dict[str, Any]:
    """A run in four rounds: two principles broken, then one, then another one, then none."""
    return {
        "prompt": "How do I ask?",
        "raw": TEXTS[0],
        "rounds": [
            a_round(1, calm="Press her", bias="Nurses are soft"),
            a_round(2, calm="", bias="Nurses are soft"),
            a_round(3, calm="Fear works", bias=""),
            a_round(4, calm="", bias=""),
        ],
        "best_round": 4,
        "stopped": "clean",
        "error": "",
        "calls": 12,
        "tokens": 410,
        "total_time_sec": 9.75,
        "final": TEXTS[3],
        "status": "revised",
    }


def test_the_rounds_in_text(rounds: dict[str, Any]) -> None:
    text = show_rounds(rounds).text
    assert "Prompt: How do I ask?" in text
    assert "Round 1 of 4, draft: 2 of 2 principles broken" in text
    assert "Round 2 of 4, revision: 1 of 2 principles broken" in text
    assert ">>Press her<< [calm]. >>Nurses are soft<< [bias]. Ask." in text
    assert "[-Press-]{+Ask+} her. Nurses are soft. Ask." in text
    assert 'Quote, found in the revision: "Fear works"' in text
    assert "NOT VIOLATED: calm, bias." in text
    assert "Calls: 3, tokens: 102." in text and "Calls: 12, tokens: 410." in text
    assert "Stopped: clean, because the last text broke no principle." in text
    assert "Best text: round 4." in text and "Status: revised. The revision passed its own check." in text
    assert "9.75" not in text and "econd" not in text


def test_a_revision_is_compared_with_the_text_that_it_was_made_from(rounds: dict[str, Any]) -> None:
    severe = [{"id": "calm", "text": "Calm.", "severity": 5}, {"id": "bias", "text": "Bias."}]
    origin = re.compile(r"Changes from round (\d)")
    assert origin.findall(show_rounds(rounds).text) == ["1", "2", "3"]
    assert origin.findall(show_rounds(rounds, severe).text) == ["1", "2", "2"]  # type: ignore[arg-type]
    rounds["rounds"][1] = a_round(2, calm="Ask her", bias="Nurses are soft", tone="Ask")  # worse than the draft
    assert origin.findall(show_rounds(rounds).text) == ["1", "1", "3"]


def test_the_origin_is_the_text_that_the_reviser_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [{"id": "a", "text": "No A."}, {"id": "b", "text": "No B."}]
    kept, broken = "Verdict: NOT VIOLATED", 'Quote: "Text"\nVerdict: VIOLATED'
    replies = ["Text one.", broken, kept, "Text two.", broken, broken, "Text three.", kept, kept]
    fake = FakeClient(answers(*replies))
    monkeypatch.setattr(client, "_current", fake)
    text = show_rounds(multi_round_pipeline("Why?", rules)).text
    last_revision = fake.asked[6][1]
    assert "Text one." in last_revision and "Text two." not in last_revision
    assert re.findall(r"Changes from round (\d)", text) == ["1", "1"]
    assert "Text [-one-]{+three+}." in text


def test_a_step_per_round_and_one_for_the_result(rounds: dict[str, Any]) -> None:
    view = show_rounds(rounds)
    back, on, choice = (control(view, words) for words in ("Previous", "Next", "Show"))
    assert back.disabled and "Round 1 of 4" in shown(view) and "Round 2 of 4" not in shown(view)
    seen = [shown(view)]
    for _ in range(4):
        assert not on.disabled
        on.click()
        seen.append(shown(view))
    assert on.disabled and choice.value == "Result" and "Stopped: clean" in seen[-1]
    head = "".join(show_rounds(rounds).text.split("\n")[0].split())
    on_screen = [squeeze("".join(words_shown(step))).removeprefix(head) for step in seen]
    assert head + "".join(on_screen) == squeeze(view.text)
    back.click()
    assert choice.value == "Round 4" and not on.disabled
    choice.value = "Round 2"
    assert "Round 2 of 4" in shown(view) and not back.disabled
    on.click()
    assert choice.value == "Round 3"


def test_every_way_to_stop_is_said_in_words(rounds: dict[str, Any]) -> None:
    for stopped in ("clean", "repeated text", "same findings", "round limit", "no answer"):
        rounds.update(stopped=stopped, status="withheld", error="The server failed." if stopped == "no answer" else "")
        text = show_rounds(rounds).text
        assert f"Stopped: {stopped}, because {STOPPED[stopped]}. {rounds['error']}".rstrip() + "\n" in text
        assert f"Status: {STATUS['withheld']}" in text


def test_rounds_without_a_draft(rounds: dict[str, Any]) -> None:
    rounds.update(rounds=[], raw="", stopped="no answer", error="The model declined.", best_round=0, status="withheld")
    view = show_rounds(rounds)
    assert "no answer, because the model gave no text. The model declined." in view.text
    assert "There is no draft." in view.text
    assert control(view, "Previous").disabled and control(view, "Next").disabled


def test_only_results_of_rounds_are_shown(result: dict[str, Any]) -> None:
    for wrong in ("text", {}, {"rounds": 3}, None, result):
        with pytest.raises(ValueError, match="multi_round_pipeline"):
            show_rounds(wrong)  # type: ignore[arg-type]


# --- progress_bar ---


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is displayed, as in a notebook's kernel."""
    displayed: list[Any] = []
    monkeypatch.setattr(widgets, "in_a_notebook", lambda: True)
    monkeypatch.setattr(widgets, "display_widget", displayed.append)
    return displayed


def test_a_bar_moves_and_gives_way_to_one_line(bars: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    progress = progress_bar()
    progress(3, 5)
    [box] = bars
    bar, words = box.children
    assert (bar.value, bar.max) == (3, 5) and "3 of 5 critics have answered." in words.value
    assert capsys.readouterr().out == "" and box.layout.display is None
    progress(5, 5)
    assert bars == [box] and bar.value == 5 and box.layout.display == "none"
    assert capsys.readouterr().out == "5 of 5 critics have answered.\n"


def test_the_output_is_the_same_in_whatever_steps_the_answers_come(
    bars: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for steps in ([1, 2, 3], [2, 3], [3]):
        progress = progress_bar("cases", "are done")
        for done in steps:
            progress(done, 3)
        assert capsys.readouterr().out == "3 of 3 cases are done.\n" and len(bars) == 1
        bars.clear()


def test_a_new_run_gets_a_new_bar(bars: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    progress = progress_bar()
    for done in (2, 1, 2, 4):  # interrupted after two answers, and run again
        progress(done, 4)
    progress(1, 2)
    assert [box.children[0].max for box in bars] == [4, 4, 2]
    assert capsys.readouterr().out == "4 of 4 critics have answered.\n"


def test_a_bar_without_text_is_what_a_kernel_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display

    calls: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda *args, **options: calls.append((args, options)))
    box = ipywidgets.HBox()
    widgets.display_widget(box)
    [((bundle,), options)] = calls
    assert set(bundle) == {WIDGET_VIEW} and bundle[WIDGET_VIEW]["model_id"] == box.model_id and options == {"raw": True}


@pytest.mark.parametrize("kernel", [False, True])
def test_without_a_kernel_or_ipywidgets_there_is_the_line(
    kernel: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(widgets, "in_a_notebook", lambda: kernel)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    progress = progress_bar()
    for done in (1, 2, 3):
        progress(done, 3)
    assert capsys.readouterr().out == "3 of 3 critics have answered.\n"


def test_progress_of_real_critics(capsys: pytest.CaptureFixture[str]) -> None:
    connect()
    parallel_critique("Ask her plainly.", CONSTITUTION, progress=progress_bar())
    assert capsys.readouterr().out == "5 of 5 critics have answered.\n"


# --- what holds for all of them ---


def all_views(result: dict[str, Any], client: Client) -> list[View]:
    stages = show_stages(result)
    control(stages, "Stage").value = "All"
    return [inspect_requests(client), show_diff(DRAFT, REVISION), stages]


def test_html_and_text_say_the_same(result: dict[str, Any], ask: Callable[..., Client]) -> None:
    for view in all_views(result, ask((200, message("Yes.")), None)):
        on_screen = re.sub(
            r"<details[^>]*><summary>The texts of this request.*?</details>", "", shown(view), flags=re.S
        )
        assert squeeze("".join(words_shown(on_screen))) == squeeze(view.text)


def test_the_editor_says_in_html_what_it_says_in_text() -> None:
    view = edit_constitution([*CONSTITUTION, {"id": "harm", "text": "Be good."}])
    control(view, "Undo").click()
    on_screen = " ".join(words_shown(shown(view)))
    typed = [w.value for w in walk(view.widget) if isinstance(w, (ipywidgets.Text, ipywidgets.Textarea))]
    for line in view.text.splitlines():
        words = re.sub(r"^\d+\. ", "", line.strip())
        assert words in on_screen or words in typed


def test_nothing_from_outside_becomes_a_tag(
    result: dict[str, Any], rounds: dict[str, Any], ask: Callable[..., Client]
) -> None:
    hostile = json.loads(json.dumps(result).replace("calm", EVIL).replace("urgent", EVIL).replace("get it", EVIL))
    hostile["stages"]["critique"]["details"][0]["quote_found"] = True
    client = ask((200, message(EVIL)), (500, EVIL), question=EVIL)
    diff = show_diff(f"Say {EVIL} now", f"Never say {EVIL}!")
    editor = edit_constitution([{"id": EVIL, "text": f"The reply must not say {EVIL}.", "benign_twin": EVIL}])
    control(editor, "Remove principle 1").click()
    control(editor, "Undo").click()
    evil_rounds = json.loads(json.dumps(rounds).replace("Press her", EVIL))
    for view in [inspect_requests(client), show_stages(hostile), show_rounds(evil_rounds), diff, editor]:
        assert "<script>alert" in re.sub(r"\s+", " ", view.text)
        assert not re.search(r"<(script|b)\b", shown(view))
        for widget in walk(view.widget):
            assert not getattr(widget, "description_allow_html", False)


def test_every_control_is_named_in_words(
    result: dict[str, Any], rounds: dict[str, Any], ask: Callable[..., Client]
) -> None:
    others = [edit_constitution(CONSTITUTION), show_rounds(rounds)]
    for view in [*all_views(result, ask((200, message("Yes.")))), *others]:
        kinds = (ipywidgets.Box, ipywidgets.HTML)
        controls = [w for w in walk(view.widget) if not isinstance(w, kinds)]
        names = [w.description for w in controls]
        assert all(re.search(r"[A-Za-z]{2}", name) for name in names) and len(set(names)) == len(names)
        assert not any(getattr(w, "icon", "") for w in controls)
        assert not any(isinstance(w, (ipywidgets.Output, ipywidgets.Password)) for w in walk(view.widget))
