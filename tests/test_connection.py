"""connect: addresses, keys, the environment, and which model is taken where the list decides."""

from __future__ import annotations

import traceback
from datetime import date, timedelta

import pytest
import requests
from scripted_server import chat_answer, chat_failure, failure, serving

from cai_helpers import LLMError, call_llm, client, connect
from cai_helpers.connection import check_address, keep_key
from cai_helpers.model_list import newest

KEY = "sk-test-4f9a77c1e2b35d60"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in (
        "CAI_BACKEND",
        "CAI_MODEL",
        "CAI_BASE_URL",
        "COMPATIBLE_API_KEY",
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_current", None)


# ------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("given", "wire", "kept"),
    [
        ("https://api.anthropic.com", "anthropic", "https://api.anthropic.com"),
        ("https://api.anthropic.com/v1/", "anthropic", "https://api.anthropic.com"),
        ("http://127.0.0.1:8099/v1/messages", "anthropic", "http://127.0.0.1:8099"),
        ("https://gate.example/anthropic", "anthropic", "https://gate.example/anthropic"),
        ("https://api.openai.com/v1", "openai", "https://api.openai.com/v1"),
        ("http://localhost:11434", "openai", "http://localhost:11434/v1"),
        (" http://localhost:11434/v1/ ", "openai", "http://localhost:11434/v1"),
        ("http://localhost:8000/v1/chat/completions", "openai", "http://localhost:8000/v1"),
        ("https://openrouter.example/api/v1", "openai", "https://openrouter.example/api/v1"),
        ("https://gate.example/v1beta/openai/", "openai", "https://gate.example/v1beta/openai"),
        ("http://[::1]:8099", "openai", "http://[::1]:8099/v1"),
    ],
)
def test_addresses_as_the_packages_take_them(given, wire, kept):
    assert check_address(given, wire) == kept


@pytest.mark.parametrize(
    "given", ["localhost:1", "ftp://x", "http://", "http://a b", f"http://{KEY}@x", f"http://x/?key={KEY}", "http://x#"]
)
def test_what_is_no_address_is_said_without_showing_it(given):
    with pytest.raises(ValueError) as caught:
        check_address(given)
    assert KEY not in str(caught.value) and "base_url" in str(caught.value)


# ------------------------------------------------------------ keys and the environment


def test_the_openai_key_comes_from_its_own_variable(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-another")
    with pytest.raises(LLMError, match="OPENAI_API_KEY"):
        connect("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(chat_answer()) as server:
        for name, value in (("BACKEND", "openai"), ("BASE_URL", server.url + "/v1"), ("MODEL", "gpt-6.1-sol")):
            monkeypatch.setenv(f"CAI_{name}", value)
        assert call_llm("", "Hello?") == "Hello."
    assert server.seen[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert server.seen[0]["body"]["model"] == "gpt-6.1-sol" and server.seen[0]["path"] == "/v1/chat/completions"


@pytest.mark.parametrize(
    ("given", "from_environment", "sent"), [(None, None, "no-key"), (None, "k-1", "k-1"), ("k-2", "k-1", "k-2")]
)
def test_a_compatible_server_needs_no_key_and_never_gets_a_vendors(monkeypatch, given, from_environment, sent):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    if from_environment:
        monkeypatch.setenv("COMPATIBLE_API_KEY", from_environment)
    with serving(chat_answer()) as server:
        made = connect("compatible", base_url=server.url, model="llama3", api_key=given)
        assert call_llm("", "Hello?") == "Hello."
    assert server.seen[0]["headers"]["authorization"] == f"Bearer {sent}"
    assert "depends on the server" in repr(made)


def test_a_compatible_server_needs_an_address():
    with pytest.raises(ValueError, match="base_url"):
        connect("compatible", model="llama3")


def test_unknown_backends_and_wires_are_said():
    for call, words in (
        (lambda: connect("clippy"), '"openai" or "compatible"'),
        (lambda: connect("course", wire="pigeon"), "anthropic or openai"),
        (lambda: connect("openai", api_key=KEY, wire="anthropic"), "no option"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_the_key_is_hidden_in_every_form_it_is_written():
    key = 'sk-"quoted"\\/+&'
    sign, hide = keep_key(key)
    assert sign(requests.Request("POST", "http://x").prepare()).headers["x-api-key"] == key
    for text in (key, r"sk-\"quoted\"\\/+&", "sk-%22quoted%22%5C%2F%2B%26"):
        assert hide(f"a {text} b") == "a [hidden] b"


@pytest.mark.parametrize(("key", "where"), [(KEY, "list"), (f"{KEY} x", "key")])
def test_no_key_in_a_report_of_a_failed_connect(key, where):
    report = ""
    with serving(models=lambda path: None) as server:
        try:
            connect("anthropic", api_key=key, base_url=server.url, model="auto")
        except LLMError as error:
            frames = traceback.TracebackException.from_exception(error, capture_locals=True)
            report = "".join(frames.format()).split("in connect", 1)[1]
    assert KEY not in report


# ------------------------------------------------------------ which model


def claude(name, created, line, **more):
    return {
        "id": name,
        "type": "model",
        "created_at": f"{created}T00:00:00Z",
        "lifecycle": "active",
        "line": line,
        **more,
    }


HAIKU = claude("claude-haiku-5-5", "2026-10-07", "haiku")
LISTED = [
    claude("claude-opus-7", "2027-03-01", "opus"),
    HAIKU,
    claude("claude-haiku-6", "2027-02-01", "haiku"),
    claude("claude-haiku-6-5", "2027-04-01", "haiku", lifecycle="deprecated"),
    claude("claude-sonnet-7", "2027-05-01", "sonnet"),
]
TODAY = date(2026, 11, 21)


def auto(backend, models, capsys, **options):
    with serving(models=models) as server:
        made = connect(backend, api_key=KEY, base_url=server.url, model="auto", **options)
    return made, capsys.readouterr().out, server


def test_auto_takes_the_newest_of_the_line_and_says_so(capsys):
    made, out, server = auto("anthropic", LISTED, capsys)
    assert made.model == "claude-haiku-6" and server.asked == ["/v1/models?limit=1000"]
    for text in (out, repr(made)):
        assert 'the newest of the line "haiku"' in text and "may differ from that of claude-haiku-5-5" in text
        assert "pricing" in text


def test_auto_never_takes_a_dearer_line(capsys):
    dearer = [row for row in LISTED if row["line"] != "haiku"]
    with pytest.raises(LLMError, match="dearer line is never taken") as caught:
        auto("anthropic", dearer, capsys)
    assert caught.value.type == "no_model" and "claude-opus-7" in str(caught.value)
    named_like_it = [
        {**dearer[0], "id": "claude-haiku-9"}
    ]  # the line is what the server says, not what a name suggests
    with pytest.raises(LLMError, match="dearer"):
        auto("anthropic", named_like_it, capsys)


def test_auto_follows_the_line_of_the_chosen_model_also_when_it_is_retired(monkeypatch, capsys):
    monkeypatch.setenv("CAI_MODEL", "claude-sonnet-4-20250514")
    retired = {"id": "claude-sonnet-4-20250514", "line": "sonnet", "lifecycle": "retired"}
    one = {"claude-sonnet-4-20250514": retired}
    with serving(models=LISTED) as server:
        server.models = lambda path: LISTED if "limit" in path else None
        with pytest.raises(LLMError, match="dearer line"):  # a server that says nothing of it: no guess
            connect("anthropic", api_key=KEY, base_url=server.url, model="auto")
        server.one = one
        made = connect("anthropic", api_key=KEY, base_url=server.url, model="auto")
    assert made.model == "claude-sonnet-7" and "may differ from that of claude-sonnet-4" in capsys.readouterr().out


def test_auto_warns_of_an_end_within_sixty_days():
    soon, later = (TODAY + timedelta(days=days) for days in (59, 61))
    from cai_helpers.model_list import said
    from cai_helpers.wire import BACKENDS

    sentences = [
        said({**HAIKU, "retires_at": f"{day}T00:00:00Z"}, "w", "", BACKENDS["anthropic"], TODAY)
        for day in (soon, later)
    ]
    assert f"It goes on {soon}" in sentences[0] and "It goes" not in sentences[1]


def test_the_newest_of_openais_line():
    rows = [
        {"id": "gpt-6-luna", "created": 5},
        {"id": "gpt-6.2-luna", "created": 5},
        {"id": "gpt-7-luna", "created": 9, "shutdown_date": "2026-11-20"},
        {"id": "gpt-8-sol", "created": 99},
        {"id": "ft:gpt-9-luna:me", "created": 99},
        {"id": "gpt-10-luna", "created": "?", "shutdown_date": 7},
    ]
    assert newest(rows, "luna", TODAY)["id"] == "gpt-6.2-luna"
    assert newest(rows, "terra", TODAY) is None and newest([], "luna", TODAY) is None


def test_a_compatible_server_gives_its_first_model(capsys):
    with serving(chat_answer(), models=[{"id": "llama3"}, {"id": "other"}]) as server:
        made = connect("compatible", base_url=server.url)
        call_llm("", "Hello?")
    assert made.model == server.seen[0]["body"]["model"] == "llama3" and server.asked == ["/v1/models"]
    assert "the first that the server lists" in capsys.readouterr().out


def test_a_compatible_server_without_a_list():
    with serving(chat_answer()) as server:
        made = connect("compatible", base_url=server.url)
        assert call_llm("", "Hello?") == "Hello." and "lists no models" in repr(made)
        with pytest.raises(LLMError, match="Name a model") as caught:
            connect("compatible", base_url=server.url, model="auto")
    assert (caught.value.type, server.seen[0]["body"]["model"]) == ("no_model", "default")
    with pytest.raises(LLMError, match="No connection"):
        connect("compatible", base_url=server.url, timeout=1)


UNKNOWN = {
    "Anthropic": ("anthropic", failure(404, "not_found_error", "model: claude-x")),
    "OpenAI": ("openai", chat_failure(404, "model_not_found", "The model `m` does not exist")),
    "Ollama": ("compatible", (404, {}, {"error": {"message": "model 'm' not found", "type": "not_found_error"}})),
    "LiteLLM": ("compatible", (400, {}, {"error": {"message": "Invalid model name passed in model=m", "code": "400"}})),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_model_is_answered_with_the_list(name):
    backend, refusal = UNKNOWN[name]
    with serving(refusal, models=LISTED) as server:
        made = connect(backend, api_key=KEY, base_url=server.url, model="m")
        with pytest.raises(LLMError) as caught:
            call_llm("", "Hello?")
    assert "The server lists: claude-opus-7, claude-haiku-5-5" in str(caught.value) and '"auto"' in str(caught.value)
    assert (caught.value.attempts, made.trace[-1]["method"], made.usage["calls"]) == (1, "GET", 2)


def test_the_error_stands_where_there_is_no_list():
    with serving(failure(404, "not_found_error", "model: m")) as server:
        connect("anthropic", api_key=KEY, base_url=server.url, model="m")
        with pytest.raises(LLMError, match="retired") as caught:
            call_llm("", "Hello?")
    assert "lists" not in str(caught.value)


def test_other_errors_ask_for_no_list():
    for refusal in (failure(400, "invalid_request_error", "messages: wrong"), (404, {}, "<html>")):
        with serving(refusal, models=LISTED) as server:
            connect("anthropic", api_key=KEY, base_url=server.url)
            with pytest.raises(LLMError):
                call_llm("", "Hello?")
        assert server.asked == []


# ------------------------------------------------------------ the seam for recording


@pytest.mark.parametrize("backend", ["course", "anthropic"])
def test_a_transport_of_ones_own_stands_between(backend):
    seen = []

    class Listener(requests.adapters.BaseAdapter):
        def __init__(self, made, inner):
            super().__init__()
            self.made, self.inner = made, inner

        def send(self, request, **options):
            response = self.inner.send(request, **options)
            seen.append((self.made.hide(str(request.headers)), response.status_code))
            return response

        def close(self):
            pass

    with serving() as server:
        where = {} if backend == "course" else {"base_url": server.url, "api_key": KEY}
        connect(backend, transport=Listener, **where)
        assert call_llm("You are a helpful assistant.", "Hello")
    assert [status for _, status in seen] == [200] and "[hidden]" in seen[0][0] and KEY not in seen[0][0]


@pytest.mark.parametrize("backend", ["anthropic", "openai", "compatible"])
def test_the_badge_of_the_course_model_behind_a_server_does_not_call_it_live(backend):
    made = connect(backend, api_key=KEY, base_url="http://127.0.0.1:8099", model="course-model-1")
    assert "not a language model" in repr(made) and "live" not in repr(made)


def test_a_session_of_ones_own_is_used():
    session = requests.Session()
    assert connect("anthropic", api_key=KEY, session=session).session is session
