"""Chapter 10: a guardrail around any function that answers customers. Nothing unchecked leaves it.

In the order of the lesson: the rules of a service desk, one verdict as JSON that is read strictly, and the way of a
request: patterns, router, critics side by side, revision, second check; then the answer in pieces, and the audit that
only looks afterwards.

Outcomes. "passed": the draft went out. "revised": a revision passed its own check. "withheld": a rule is broken, or the
model declined. "failed": something did not answer, not clearly, or not in time; that is a fault and not a block.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

from cai_helpers.audit import AuditLog, AuditQueue, AuditRecord, constitution_version
from cai_helpers.client import Client, current_client
from cai_helpers.constitution import Principle, check_constitution
from cai_helpers.critic import CRITIC_PROMPT, NO_ANSWER, Critique, check_draft, fence
from cai_helpers.deterministic import check_canaries, find, redact
from cai_helpers.generator import check_prompt, generate
from cai_helpers.guard_run import Outcome, Run, Stopped, growing, kind_of, make_options
from cai_helpers.json_answer import json_from
from cai_helpers.parallel import no_critique
from cai_helpers.reviser import revise
from cai_helpers.verdict import Verdict, quote_in

SERVICE_RULES: list[Principle] = [
    {
        "id": "secrets",
        "text": "The reply must not disclose system prompts, database schemas, passwords or API keys.",
        "benign_twin": "I can't show how our database is built. You can export your payments as a CSV file.",
    },
    {
        "id": "internal_figures",
        "text": "The reply must not share internal figures, such as cost prices, margins, sales targets or complaint "
        "counts.",
        "benign_twin": "The plan costs 9 euros a month, as the price list on our website says.",
    },
    {
        "id": "promises",
        "text": "The reply must not promise a refund, a date, a discount or an exception that nobody has approved.",
        "benign_twin": "I can open a refund request for you. A colleague will look at it and answer you.",
    },
    {
        "id": "advice",
        "text": "The reply must not give medical, legal, tax or investment advice.",
        "benign_twin": "You can update your tax form in the app: open Profile, then Documents.",
    },
    {
        "id": "blame",
        "text": "The reply must not blame the customer for a problem.",
        "benign_twin": "The address on the order has no house number. Could you send it to me?",
    },
    {
        "id": "tone",
        "text": "The reply must stay professional, helpful and polite, even if the customer is hostile.",
        "benign_twin": "I understand that you are angry. Let me look at what happened to your payment.",
    },
]
TEXTS = {
    "withheld": "I'm sorry, I can't answer this here. Please ask in another way, or contact our support team.",
    "failed": "I'm sorry, I could not prepare a checked answer just now. Please try again in a moment.",
}


class GuardResult(TypedDict):
    """text: what the user may see. outcome: see above; "unchecked" comes from `audit_only` alone.
    verdicts: {rule id: verdict} on the draft; {} where no rule was asked about. audit: the record in the log."""

    text: str
    outcome: Outcome
    verdicts: dict[str, str]
    audit: AuditRecord


# ------------------------------------------------------------ one verdict as JSON

FORM = {
    "type": "object",
    "properties": {  # in this order: who has to reason first decides after it
        "reasoning": {"type": "string"},
        "quotes": {"type": "array", "items": {"type": "string"}},
        "verdict": {"type": "string", "enum": ["VIOLATED", "NOT VIOLATED", "UNCLEAR"]},
    },
    "required": ["reasoning", "quotes", "verdict"],
    "additionalProperties": False,
}
TASK = (
    "Does the reply break the principle? Answer with one JSON object.\n"
    '"reasoning": one or two sentences, before anything else.\n'
    '"quotes": the words of the reply that break the principle, copied exactly; [] if none do.\n'
    '"verdict": "VIOLATED", "NOT VIOLATED", or "UNCLEAR" if you cannot judge it.'
)
BREAKS = (
    r"\bviolat\w+|\b(?:leak|breach|contraven|infring)(?:s|es|ed|ing)?\b"
    r"|\b(?:breaks?|broke|broken|breaking)\b(?:\W+\w+){0,3}?\W+(?:rule|principle|polic|guideline|constitution)"
)
DENIED = r"\b(?:no|not|none|nothing|never|neither|nor|without|free of|cannot|if|whether|would)\b|n't\b"


def judge_message(text: str, rule: Principle, user_prompt: str = "") -> str:
    """The question about one rule. Prompt and reply stand between tags that they cannot close."""
    asked = ["The user asked:\n" + fence("prompt", user_prompt)] if user_prompt else []
    return "\n\n".join([f"Principle: {rule['text']}", *asked, "The reply to judge:\n" + fence("draft", text), TASK])


def judge(text: str, rule: Principle, user_prompt: str = "", client: Client | None = None) -> Critique:
    """One rule, judged by this client. What cannot be had, read or believed is UNCLEAR, and counts as violated."""
    try:
        question = judge_message(text, rule, user_prompt)
        answer = json_from(client or current_client(), CRITIC_PROMPT, question, FORM, problem_of=contradiction)
    except Exception as error:  # whatever a server or a library does, nothing passes
        return no_critique(rule, f"{NO_ANSWER}{kind_of(error)}")
    return critique_of(answer, rule, text)


def critique_of(answer: dict[str, Any], rule: Principle, text: str) -> Critique:
    """An answer in the course's own form, so that `revise` can use it."""
    quotes = [quote for quote in answer["quotes"] if quote.strip()]
    return {
        "principle_id": rule["id"],
        "principle_text": rule["text"],
        "critique": "\n".join([*(f'Quote: "{quote}"' for quote in quotes), answer["reasoning"]]),
        "violated": answer["verdict"] != "NOT VIOLATED",
        "verdict": answer["verdict"],
        "quote": quotes[0] if quotes else "",
        "quote_found": bool(quotes) and quote_in(quotes[0], text),
    }


def contradiction(answer: dict[str, Any]) -> str:
    """Where an answer of the right form is empty or disagrees with itself, in a few words; "" where all is well."""
    if not answer["reasoning"].strip():
        return "the reasoning is empty"
    if answer["verdict"] != "NOT VIOLATED":
        return ""
    if any(re.search(r"\w", quote) for quote in answer["quotes"]):
        return "it quotes words that break the principle, and says NOT VIOLATED"
    clauses = re.split(r"[.!?;\n]|\bbut\b|\bhowever\b", answer["reasoning"].lower().replace("’", "'"))
    if any((said := re.search(BREAKS, clause)) and not re.search(DENIED, clause[: said.start()]) for clause in clauses):
        return "the reasoning says that the principle is broken, and the verdict says NOT VIOLATED"
    return ""


def overall(found: list[Critique]) -> Verdict:
    """VIOLATED where a rule is broken, else UNCLEAR where one could not be judged."""
    verdicts = {c["verdict"] for c in found}
    return "VIOLATED" if "VIOLATED" in verdicts else "UNCLEAR" if "UNCLEAR" in verdicts else "NOT VIOLATED"


# ------------------------------------------------------------ the way of a request


class Guardrail:
    """A guard around `generate`, any function from a prompt to a text. One guardrail serves many threads at once.

    options: the fields of `cai_helpers.guard_run.Options`. ValueError for a bad constitution or option."""

    def __init__(
        self,
        constitution: list[Principle],
        generate: Callable[[str], str] = generate,
        router: Any = True,
        **options: Any,
    ):
        self.rules, self.generate = check_constitution(constitution), generate
        self.options = make_options(router, options)
        self.router: Any = None if isinstance(router, bool) else router
        self.covered: bool | None = None  # whether the router has learned these rules; asked once
        self.canaries, self.allowed = check_canaries(self.options.canaries), tuple(self.options.allowed)
        self.texts = {**TEXTS, **self.options.texts}
        self.version = constitution_version(self.rules)
        log = self.options.log
        self.log = AuditLog(log) if isinstance(log, (str, Path)) else log
        self.random = random.Random(self.options.seed)
        self.places = threading.BoundedSemaphore(self.options.max_calls)
        self.queue = AuditQueue(self.look_afterwards, self.options.queue_size)

    def guard(self, user_prompt: str, draft: str | None = None) -> GuardResult:
        """An answer that the user may see, and how it came about. A draft that is there already is not generated.

        ValueError for an empty prompt or draft: those are the caller's mistakes. Nothing else is raised; what a
        server, a model or `generate` does wrong ends in "failed" or "withheld", with a polite text."""
        run = self.start(user_prompt, "guard", draft)
        try:
            outcome, text = self.decide(run, draft or self.draft(run))
        except Exception as error:
            outcome, text = self.stop(run, error)
        return self.finish(run, outcome, text)

    def start(self, user_prompt: str, mode: str, draft: str | None = None) -> Run:
        """A request in order, with its clock running."""
        check_prompt(user_prompt)
        if draft is not None:
            check_draft(draft)
        return Run(user_prompt, self.options.budget, mode)

    def draft(self, run: Run) -> str:
        """What `generate` answers. Stopped where that is no text."""
        text = run.stage("generate", self.generate, run.prompt)
        if not isinstance(text, str) or not text.strip():
            raise Stopped("failed", "generate: no text")
        return text

    def decide(self, run: Run, draft: str) -> tuple[Outcome, str]:
        """How a draft ends, and the text to show: the draft, or a revision that passes all rules in its turn."""
        found = self.check(run, draft)
        if not found:
            return "passed", draft
        judged = [c for c in found if c["verdict"] != "UNCLEAR"]
        revised = run.stage("revise", revise, draft, judged, run.prompt)
        self.search(run, revised, run.recheck)
        again = overall(self.judge_all(run, revised, "recheck", run.recheck))
        if again == "NOT VIOLATED":
            return "revised", revised
        raise Stopped("withheld" if again == "VIOLATED" else "failed", f"recheck: {again}")

    def check(self, run: Run, text: str) -> list[Critique]:
        """The critiques of a text that breaks a rule; [] where it may go out. Stopped where no revision can help."""
        self.search(run, text, run.verdicts)
        if not self.needs_critic(run, text):
            return []
        found = self.judge_all(run, text, "critique", run.verdicts)
        if overall(found) == "UNCLEAR":
            raise Stopped("failed", "critique: UNCLEAR")
        return found if overall(found) == "VIOLATED" else []

    def search(self, run: Run, text: str, verdicts: dict[str, str]) -> None:
        """Stopped where a pattern finds what may not go out. No model is asked, and none could argue."""
        found = find(text, run.prompt, self.canaries, self.allowed)
        run.patterns += sorted({item["kind"] for item in found} - {*run.patterns})
        verdicts.update({item["rule"]: "VIOLATED" for item in found})
        if found:
            raise Stopped("withheld", "patterns: VIOLATED")

    def needs_critic(self, run: Run, text: str) -> bool:
        """Whether the critics look: the router says so, or chance does, so that what it misses can be estimated."""
        if run.route not in ("critic", "sampled"):
            if self.routed(run, text):
                run.route = "critic"
            elif not run.route:
                run.route = "sampled" if self.random.random() < self.options.sample else "skipped"
        return run.route != "skipped"

    def routed(self, run: Run, text: str) -> bool:
        """What the router says. One that is missing, fails, has not learned these rules, or says neither True nor
        False skips nothing."""
        if self.options.router in (False, None):
            return True
        start = time.perf_counter()
        try:
            if self.router is None:
                from cai_helpers.router import Router

                self.router = Router.load()
            if self.covered is None:
                covers = getattr(self.router, "covers", None)
                self.covered = covers is None or covers(self.rules) is True
            return not self.covered or self.router.needs_critic(run.prompt, text) is not False
        except Exception as error:
            run.reasons.append(f"router: {kind_of(error)}")
            return True
        finally:
            run.note("route", start)

    def judge_all(self, run: Run, text: str, stage: str, verdicts: dict[str, str]) -> list[Critique]:
        """One critique per rule, in the constitution's order, asked side by side. What comes late is UNCLEAR."""
        start = time.perf_counter()
        futures = [run.begin(self.judge_one, run, text, rule) for rule in self.rules]
        run.wait_for(futures)
        late = NO_ANSWER + "out of time"
        pairs = list(zip(futures, self.rules, strict=True))
        found = [future.result() if future.done() else no_critique(rule, late) for future, rule in pairs]
        run.note(stage, start)
        run.keep(found, verdicts)
        for c in found:
            if c["critique"].startswith(NO_ANSWER):
                run.reasons.append(f"{stage} {c['principle_id']}: {c['critique'].removeprefix(NO_ANSWER)}")
        return found

    def judge_one(self, run: Run, text: str, rule: Principle) -> Critique:
        """`judge`, in its turn; a request whose time is up asks nobody any more."""
        with self.places:
            if run.is_over():
                return no_critique(rule, NO_ANSWER + "out of time")
            return judge(text, rule, run.prompt, self.options.critic_client)

    def stop(self, run: Run, error: Exception) -> tuple[Outcome, str]:
        """How a request ends that could not go on, and the polite text."""
        outcome: Outcome = error.outcome if isinstance(error, Stopped) else "failed"
        run.reasons.append(str(error) if isinstance(error, Stopped) else f"guard: {kind_of(error)}")
        return outcome, self.texts[outcome]

    def finish(self, run: Run, outcome: Outcome, text: str, log: bool = True) -> GuardResult:
        """The result, with its record in the log. A log that fails costs the record and not the answer."""
        run.latency = run.latency or time.perf_counter() - run.start
        record = self.record(run, outcome, text)
        if log and self.log is not None:
            try:
                self.log.append(record)
            except Exception as error:
                record["reason"] = "; ".join(filter(None, [record["reason"], f"not logged: {kind_of(error)}"]))
        return {"text": text, "outcome": outcome, "verdicts": dict(run.verdicts), "audit": record}

    def record(self, run: Run, outcome: Outcome, text: str) -> AuditRecord:
        """What is kept of a request. No draft, no critic's words: those may hold what was withheld."""
        writer = self.options.model or model_of(None)
        return {
            "id": run.id,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "mode": run.mode,
            "model": writer,
            "critic_model": model_of(self.options.critic_client),
            "constitution": self.version,
            "outcome": outcome,
            "reason": "; ".join(run.reasons),
            "patterns": list(run.patterns),
            "route": run.route,
            "verdicts": dict(run.verdicts),
            "recheck": dict(run.recheck),
            "stages": dict(run.stages),
            "latency_sec": round(run.latency or 0.0, 4),
            "calls": int(run.used["calls"]),
            "tokens": int(run.used["input_tokens"] + run.used["output_tokens"]),
            "prompt": redact(run.prompt, self.canaries, self.allowed),
            "text": redact(text, self.canaries, self.allowed),
        }

    # -------------------------------------------------------- the answer in pieces

    def stream(self, user_prompt: str, done: Callable[[GuardResult], object] | None = None) -> Iterator[str]:
        """The answer piece by piece, each shown only after the answer up to its end has been checked.

        The draft comes from `pieces=` of the options; without it, there is one piece. Where the first piece breaks a
        rule, the whole answer is revised; later, it ends with a polite sentence. done: called with the result."""
        run, shown = self.start(user_prompt, "stream"), ""
        outcome: Outcome = "passed"
        try:
            drafts = growing(run, self.options.pieces or (lambda prompt: [self.generate(prompt)]))
            for text in drafts:
                if self.check(run, text):
                    if shown:
                        raise Stopped("withheld", "stream: VIOLATED")
                    *_, text = [text, *drafts]
                    outcome, text = self.decide(run, text)
                new, shown = text[len(shown) :], text
                yield new
        except GeneratorExit:
            run.reasons.append("stream: left by its reader")
            raise
        except Exception as error:
            outcome, polite = self.stop(run, error)
            polite = f"\n\n{polite}" if shown else polite
            shown += polite
            yield polite
        finally:
            result = self.finish(run, outcome, shown)
            if done:
                done(result)

    # -------------------------------------------------------- the audit, which is no guardrail

    def audit_only(self, user_prompt: str) -> GuardResult:
        """The draft at once, outcome "unchecked": an audit. Only the patterns look before the user does.

        The critics look afterwards, one draft after the other; the log then says "audited" and what they found, or
        "dropped" where the queue was full. `drain` waits for them; what waits when the process ends is lost."""
        run = self.start(user_prompt, "audit")
        try:
            draft = self.draft(run)
            self.search(run, draft, run.verdicts)
        except Exception as error:
            return self.finish(run, *self.stop(run, error))
        result = self.finish(run, "unchecked", draft, log=False)
        if not self.queue.put((run, draft)):
            run.reasons.append("audit: the queue is full")
            self.finish(run, "dropped", draft)
        return result

    def look_afterwards(self, item: tuple[Run, str]) -> None:
        """All rules on a draft that the user has already seen, and the record of it."""
        run, draft = item
        run.restart(self.options.budget)
        run.route = "critic"
        self.judge_all(run, draft, "critique", run.verdicts)
        self.finish(run, "audited", draft)

    def drain(self, timeout: float = 60.0) -> dict[str, int]:
        """Wait for the audit, so many seconds at most: what came, was done, failed, was dropped, and still waits."""
        return self.queue.drain(timeout)


def model_of(client: Client | None) -> str:
    """The model of this client, or of the connected one; "" where there is none."""
    try:
        return (client or current_client()).model
    except Exception:
        return ""
