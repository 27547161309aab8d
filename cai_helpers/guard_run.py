"""One request on its way through the guardrail: its time budget, its threads, its meter, and how it can end.

Chapter 10 uses it and does not teach it. Chapter 08 teaches the threads.
"""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextvars import copy_context
from typing import Any, Literal, NamedTuple, Protocol

from cai_helpers.client import Client, metered, no_usage
from cai_helpers.critic import Critique
from cai_helpers.errors import ADVICE, LLMError
from cai_helpers.parallel import LOOK_AGAIN

Outcome = Literal["passed", "revised", "withheld", "failed", "unchecked", "audited", "dropped"]


class Router(Protocol):
    """Decides from prompt and draft whether the critics have to look."""

    def needs_critic(self, prompt: str, draft: str) -> bool: ...


class Options(NamedTuple):
    """router: True for the course's own, False or None for none, or an object with `needs_critic`.
    sample: share of the skipped requests that the critics see all the same, 0 to 1; seed makes the choice repeatable.
    critic_client: who judges; without one, the client that `connect` made last.
    canaries: planted secrets. allowed: contact details that may be given.
    budget: seconds for a request, or None; what is not finished then is "failed".
    log: a path, an `AuditLog`, a list, or None. model: the name to log where `generate` does not use `connect`.
    pieces: a function from the prompt to the draft in pieces, for `stream`.
    texts: other words for the user, by outcome ("withheld", "failed").
    max_calls: critics that ask at once, over all requests. queue_size: drafts that wait for `audit_only`.
    """

    router: bool | Router | None = True
    sample: float = 0.05
    seed: int | None = None
    critic_client: Client | None = None
    canaries: Iterable[str] = ()
    allowed: Iterable[str] = ()
    budget: float | None = 30.0
    log: Any = None
    model: str = ""
    pieces: Callable[[str], Iterable[str]] | None = None
    texts: Mapping[str, str] = {}
    max_calls: int = 64
    queue_size: int = 100


def make_options(router: Any, given: dict[str, Any]) -> Options:
    """The options, checked. ValueError says which one cannot be used."""
    unknown = [name for name in given if name not in Options._fields]
    if unknown:
        raise ValueError(f'There is no option "{unknown[0]}". A guardrail knows {", ".join(Options._fields)}.')
    options = Options(router=router, **given)
    if not (isinstance(router, bool) or router is None or callable(getattr(router, "needs_critic", None))):
        raise ValueError("router must be True, False, or an object with needs_critic(prompt, draft).")
    if not is_number(options.sample) or not 0 <= options.sample <= 1:
        raise ValueError(f"sample is a share from 0 to 1, not {options.sample!r}.")
    if options.budget is not None and not (is_number(options.budget) and options.budget > 0):
        raise ValueError(f"budget is a number of seconds above 0, or None, not {options.budget!r}.")
    if not isinstance(options.max_calls, int) or isinstance(options.max_calls, bool) or options.max_calls < 1:
        raise ValueError(f"max_calls must be a whole number from 1 up, not {options.max_calls!r}.")
    if isinstance(options.allowed, str):
        raise ValueError('allowed is a list: write allowed=["..."].')
    for name, text in options.texts.items():
        if name not in ("withheld", "failed") or not isinstance(text, str) or not text.strip():
            raise ValueError('texts holds some words for "withheld", for "failed", or for both.')
    return options


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)


class Stopped(Exception):
    """The request ends here. outcome: how. The message: in which stage and why, in words that a log may hold."""

    def __init__(self, outcome: Outcome, reason: str):
        super().__init__(reason)
        self.outcome = outcome


def kind_of(error: BaseException) -> str:
    """What went wrong, in words of ours: what a server says may hold anything, and is not for a log."""
    if isinstance(error, LLMError):
        return error.type if error.type in ADVICE else "http_error"
    return type(error).__name__


class Run:
    """What is known of one request: its time, what it used, and what was found on the way.

    used: a meter as `Client.usage`. stages: seconds of each. budget: seconds."""

    def __init__(self, prompt: str, budget: float | None, mode: str):
        self.prompt, self.mode, self.id = prompt, mode, os.urandom(8).hex()
        self.latency: float | None = None
        self.used, self.stages = no_usage(), dict[str, float]()
        self.verdicts, self.recheck = dict[str, str](), dict[str, str]()
        self.patterns, self.reasons, self.route = list[str](), list[str](), ""
        self.restart(budget)

    def restart(self, budget: float | None) -> None:
        """Start the clock."""
        self.start = time.perf_counter()
        self.end = math.inf if budget is None else self.start + budget

    def is_over(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() >= self.end

    def begin(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a piece of work in a thread that nobody has to wait for; here and now where none can start."""
        future: Future[Any] = Future()

        def act() -> None:
            try:
                with metered(self.used):
                    future.set_result(work(*arguments))
            except BaseException as error:
                future.set_exception(error)

        try:
            threading.Thread(target=copy_context().run, args=(act,), daemon=True).start()
        except RuntimeError:
            act()
        return future

    def wait_for(self, futures: list[Future[Any]]) -> None:
        """Wait until all are done or the time is up. Whatever interrupts the wait starts no further call."""
        waiting = set(futures)
        try:
            while waiting and (left := self.end - time.perf_counter()) > 0:
                _, waiting = wait(waiting, timeout=min(left, LOOK_AGAIN), return_when=FIRST_COMPLETED)
        except BaseException:
            self.end = -math.inf
            raise

    def stage(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """What a piece of work gives. Stopped where it fails, or is not done in time."""
        start = time.perf_counter()
        future = self.begin(work, *arguments)
        self.wait_for([future])
        self.note(name, start)
        if not future.done():
            raise Stopped("failed", f"{name}: out of time")
        try:
            return future.result()
        except Exception as error:
            refused = isinstance(error, LLMError) and error.type == "refusal"
            raise Stopped("withheld" if refused else "failed", f"{name}: {kind_of(error)}") from None

    def note(self, name: str, start: float) -> None:
        """Add the seconds since `start` to a stage."""
        self.stages[name] = round(self.stages.get(name, 0.0) + time.perf_counter() - start, 4)

    def keep(self, found: list[Critique], verdicts: dict[str, str]) -> None:
        """Note the verdicts; one that was VIOLATED stays so while an answer grows."""
        for c in found:
            if verdicts.get(c["principle_id"]) != "VIOLATED":
                verdicts[c["principle_id"]] = c["verdict"]


PIECE = 80  # characters: a streamed answer is checked when so many more have come, up to the end of a sentence


def growing(run: Run, pieces: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """A draft that comes in pieces: all of it so far, at ends of sentences, and at last the whole."""
    source, end = run.stage("generate", lambda: iter(pieces(run.prompt))), object()
    text, given = "", 0
    while (piece := run.stage("generate", next, source, end)) is not end:
        if not isinstance(piece, str):
            raise Stopped("failed", "generate: no text")
        text += piece
        ends = [match.end() for match in re.finditer(r"[.!?][\"')\]]*(?=\s)|\n", text)]
        if ends and ends[-1] - given >= PIECE:
            given = ends[-1]
            yield text[:given]
    if not text.strip():
        raise Stopped("failed", "generate: no text")
    if text[given:]:
        yield text
