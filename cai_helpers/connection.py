"""Who answers: `connect` chooses the server, the model and the key, and makes the client that `call_llm` uses.

The only place that knows keys, and the only one that reaches the course model. Addresses, default models and what
each model takes stand in `cai_helpers.wire`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from cai_helpers import model_list
from cai_helpers.client import Client, use_client
from cai_helpers.errors import ADVICE, LLMError
from cai_helpers.wire import BACKENDS, VERSION, VERSION_WITH_TEMPERATURE, WIRES, takes

CLIENT_OPTIONS = ("timeout", "max_attempts", "sleep", "session", "transport")
PLACEHOLDERS = {"your-key-here", "your-api-key", "..."}
NO_KEY = "no-key"  # for servers that want none; some refuse a request without any

COURSE_BADGE = (
    "course-model-1: the course's own offline model. Deterministic, authored, not a language model. "
    'connect("anthropic") turns to a live one.'
)

Sign = Callable[[requests.PreparedRequest], requests.PreparedRequest]
Hide = Callable[[str], str]


def connect(
    backend: str | None = None,
    *,
    model: str | None = None,
    api_key: str | None = None,
    base_url: str | None = None,
    **options: Any,
) -> Client:
    """Choose who answers, and make that client the one that `call_llm` uses.

    backend: "course" (offline, no key), "anthropic", "openai", or "compatible" for a server that speaks OpenAI's
    format (Ollama, vLLM, llama.cpp, LiteLLM); without one, the environment variable CAI_BACKEND, else "course".
    model: also from CAI_MODEL. "auto" takes the newest model of the default's line that the server lists, and says so;
    "compatible" takes the first one listed.
    base_url: as the official packages take it, Anthropic's without /v1, OpenAI's and compatible ones with it; also from
    CAI_BASE_URL.
    api_key: also from ANTHROPIC_API_KEY or OPENAI_API_KEY. "compatible" needs none; if it has one, it comes from
    COMPATIBLE_API_KEY, so that a vendor's key never goes to another server.
    "replay" answers from the file path=, with no key and no network. repeats: what a request gets that is asked more
    often than it was recorded: "error" (default), "wrap" (from the first again) or "last".
    record: a file that keeps each exchange, without the key, for "replay". The environment variables CAI_RECORD and
    CAI_REPLAY name the two files where the call names none; connect("course") is never recorded unasked.
    options: timeout (seconds, or a pair for connecting and reading), max_attempts, sleep, session (a
    requests.Session), transport (a function of the client and its transport adapter that gives the adapter to use
    instead); for "course" also wire ("anthropic" or "openai") and the switches of the course model
    (`cai_helpers.course_model.SWITCHES`).
    LLMError for a missing or impossible key, or no model; ValueError for an unknown backend, option or address.
    """
    unasked = backend != "course"
    backend = backend or os.environ.get("CAI_BACKEND") or "course"
    if backend not in BACKENDS:
        known = " or ".join(f'"{name}"' for name in BACKENDS)
        raise ValueError(f'There is no backend "{backend}". Use {known}.')
    if backend == "replay":
        return use_client(_replay_client(model, base_url, options))
    _record(options, unasked=unasked)
    if backend == "course":
        return use_client(_course_client(model, base_url, options))
    address = _address(backend, base_url)
    lock = _lock(backend, api_key)
    api_key = None  # from here on in no variable: a report of an error may show those
    if isinstance(lock, LLMError):
        raise lock
    model = model or os.environ.get("CAI_MODEL") or BACKENDS[backend]["model"]
    return use_client(_live_client(backend, model, address, lock, options))


def _live_client(backend: str, model: str, address: str, lock: tuple[Sign, Hide], options: dict[str, Any]) -> Client:
    facts, why = BACKENDS[backend], ""
    if model in ("", "auto"):
        scout = make_client(facts["wire"], "auto", address, lock, options, "")
        model, why = _choose(scout, backend, asked=model == "auto")
    badge = f"{model} at {address}: {_nature(model, backend)} {why}".strip()
    return make_client(facts["wire"], model, address, lock, options, badge)


def _nature(model: str, backend: str) -> str:
    if model == BACKENDS["course"]["model"]:
        return "the course's own model behind a server. Deterministic, authored, not a language model."
    cost = "what calls cost depends on the server" if backend == "compatible" else "calls cost money"
    return f"a live model. Its answers vary, and {cost}."


def _choose(scout: Client, backend: str, asked: bool) -> tuple[str, str]:
    """The model that the server's list leads to, and the sentence that says why, which is also printed."""
    wanted = os.environ.get("CAI_MODEL") or ""
    try:
        model, why = model_list.choose(scout, BACKENDS[backend], "" if wanted == "auto" else wanted)
    except LLMError as error:
        if asked or error.type != "no_model":
            raise
        return "default", 'The server lists no models: "default" is sent, until you name one with model=.'
    print(why)
    return model, why


def _course_client(model: str | None, base_url: str | None, options: dict[str, Any]) -> Client:
    from cai_helpers import course_model

    if base_url is not None:
        raise ValueError('The course model has no address: leave base_url out, or use connect("anthropic", ...).')
    wire = options.get("wire", "anthropic")
    if wire not in WIRES:
        raise ValueError(f'There is no wire format "{wire}". Use {" or ".join(WIRES)}.')
    model = BACKENDS["course"]["model"] if model in (None, "auto") else model
    own = ("wire", *CLIENT_OPTIONS)
    switches = {name: value for name, value in options.items() if name not in own or name == "sleep"}
    chosen = {name: value for name, value in options.items() if name in CLIENT_OPTIONS and name != "transport"}
    lock = keep_key("course-model-needs-no-key", *WIRES[wire]["key"])
    client = make_client(wire, str(model), BACKENDS[wire]["url"], lock, chosen, COURSE_BADGE)
    course_model.mount(client.session, **switches)
    return _with_transport(client, options.get("transport"))


def _record(options: dict[str, Any], unasked: bool) -> None:
    """Turn record= into a transport. unasked: whether the environment may ask for a recording."""
    from cai_helpers.recording import recorder

    path = options.pop("record", None) or (os.environ.get("CAI_RECORD") if unasked else None)
    if path:
        options["transport"] = recorder(path, options.get("transport"))


def _replay_client(model: str | None, base_url: str | None, options: dict[str, Any]) -> Client:
    from cai_helpers.recording import REPEATS, Replay
    from cai_helpers.recording_file import damage, load, session_of

    given = options.pop("path", None) or os.environ.get("CAI_REPLAY")
    if base_url is not None:
        raise ValueError("A recording has no address: leave base_url out.")
    if not given:
        raise ValueError('connect("replay", path="class.jsonl") needs path=, the file of a recording.')
    if not Path(given).is_file():
        raise ValueError(f"There is no recording {given}. connect(backend, record=...) makes one.")
    path, repeats = Path(given), options.pop("repeats", "error")
    if repeats not in REPEATS:
        raise ValueError(f'There is no repeats="{repeats}". Use {" or ".join(REPEATS)}.')
    recording = load(path)
    model = None if model == "auto" else model
    session = session_of(recording, model, options.pop("wire", None))
    if not session:
        raise ValueError(f"{path.name} holds no exchange. {damage(path, recording)}".strip())
    model, when = model or session["model"], session.get("date", "a day that its header has lost")
    badge = f"{model}, replayed from {path.name}, recorded on {when}. No key, no network, no cost."
    lock = keep_key(NO_KEY, *WIRES[session["wire"]]["key"])
    options["transport"] = lambda client, inner: Replay(client, recording, repeats)
    client = make_client(session["wire"], model, BACKENDS["replay"]["url"], lock, options, badge)
    _ask_as(client, session, recording["exchanges"])
    if recording["damaged"]:
        print(damage(path, recording))
    return client


def _ask_as(client: Client, session: dict[str, Any], exchanges: list[dict[str, Any]]) -> None:
    """Let a client ask as the one that recorded: same version, same parameters, whatever has changed since."""
    if session.get("anthropic-version"):
        client.headers["anthropic-version"] = session["anthropic-version"]
    if isinstance(session.get("takes"), dict):
        client.takes = {**client.takes, **session["takes"]}
        client.takes_temperature = client.takes["temperature"]
    for exchange in exchanges:
        question = exchange["question"]
        if question["wire"] == client.wire["name"] and question["body"].get("model") == client.model:
            client.refused.update(exchange.get("refused") or {})


def make_client(
    wire: str, model: str, address: str, lock: tuple[Sign, Hide], options: dict[str, Any], badge: str
) -> Client:
    """A client of one wire format. lock: what `keep_key` gives. ValueError for an unknown option."""
    unknown = sorted(set(options) - set(CLIENT_OPTIONS))
    if unknown:
        raise ValueError(f'There is no option "{unknown[0]}". A live backend knows {", ".join(CLIENT_OPTIONS)}.')
    headers = {}
    if wire == "anthropic":
        headers["anthropic-version"] = VERSION_WITH_TEMPERATURE if takes(model)["temperature"] else VERSION
        if sys.platform == "emscripten" and badge != COURSE_BADGE:  # without it a browser may not call the API
            headers["anthropic-dangerous-direct-browser-access"] = "true"
    rest = {name: value for name, value in options.items() if name != "transport"}
    client = Client(model, address, headers, *lock, badge=badge, wire=wire, **rest)
    if address == BACKENDS["openai"]["url"]:  # knows the newer name for every model
        client.takes = {**client.takes, "limit": "max_completion_tokens"}
    return _with_transport(client, options.get("transport"))


def _with_transport(client: Client, transport: Any) -> Client:
    """Put an adapter of one's own between a client and its server: a recorder, or a replay."""
    if transport is not None:
        inner = client.session.get_adapter(client.base_url)
        client.session.mount(client.base_url, transport(client, inner))
    return client


def _lock(backend: str, api_key: str | None) -> tuple[Sign, Hide] | LLMError:
    variable = BACKENDS[backend]["variable"]
    key = (api_key or os.environ.get(variable) or "").strip()
    if backend == "compatible" and not key:
        key = NO_KEY
    return check_key(key, variable) or keep_key(key, *WIRES[BACKENDS[backend]["wire"]]["key"])


def check_key(key: str, variable: str) -> LLMError | None:
    """The error for a missing or impossible key. To be raised where no variable holds the key."""
    if not key or key.lower() in PLACEHOLDERS:
        return LLMError(ADVICE["missing_key"].format(variable=variable), type="missing_key", attempts=0)
    if not re.fullmatch(r"[!-~]+", key):
        return LLMError(ADVICE["bad_key"], type="bad_key", attempts=0)
    return None


def _address(backend: str, base_url: str | None) -> str:
    given = base_url or os.environ.get("CAI_BASE_URL") or BACKENDS[backend]["url"]
    if not given:
        raise ValueError(
            'connect("compatible") needs the address of a server: base_url="http://127.0.0.1:11434/v1", for example, '
            "or the environment variable CAI_BASE_URL."
        )
    return check_address(given, BACKENDS[backend]["wire"])


def check_address(base_url: str, wire: str = "anthropic") -> str:
    """The address as the wire format counts it: without /v1 for Anthropic's, with it for OpenAI's.

    The other habit, a final slash and a whole endpoint are taken too. A path of another kind is left as it is.
    ValueError for what is no address, or holds a password.
    """
    address = base_url.strip().rstrip("/")
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", address):
        raise ValueError("base_url must begin with http:// or https:// and hold no key, no ? and no #.")
    for row in WIRES.values():
        address = address.removesuffix(row["path"])
    if wire == "anthropic":
        return address.removesuffix("/v1")
    return address if re.match(r"https?://[^/]+/.", address) else f"{address}/v1"


def keep_key(key: str, header: str = "x-api-key", before: str = "") -> tuple[Sign, Hide]:
    """Two functions that share the key and show it to nobody: `sign` puts it on a request, `hide` blanks it in text."""
    written = {key, json.dumps(key)[1:-1], quote(key, safe="")}

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[header] = before + key
        return request

    def hide(text: str) -> str:
        for form in written:
            text = text.replace(form, "[hidden]") if len(form) >= 8 else text
        return text

    return sign, hide
