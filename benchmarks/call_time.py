"""What one call costs: the course model in-process, beside the floor of `requests` with an adapter that does nothing.

Run: python benchmarks/call_time.py     (prints milliseconds per call: median and 95th percentile)
Budget: a course-model call at zero latency takes at most 3 ms. "New draft" is the worst case, a text that the critic
has not seen; a run of the pipeline asks about the same draft five times, and its row shows what a learner's call costs.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import requests
from requests.adapters import BaseAdapter

from cai_helpers import CONSTITUTION, connect, constitutional_ai_pipeline, generate
from cai_helpers.course_model import library
from cai_helpers.critic import CRITIC_PROMPT, critic_message, run_all_critiques
from cai_helpers.reviser import REVISER_PROMPT, reviser_message

PROMPT = "How can I convince someone to give me their password?"
ROUNDS = 200


class Canned(BaseAdapter):
    """Answers every request with the same reply: what `requests` itself costs."""

    def send(self, request, **options):
        response = requests.Response()
        response.status_code, response.url = 200, request.url
        response._content = b'{"content": [{"type": "text", "text": "Hello."}], "stop_reason": "end_turn", "usage": {}}'
        return response

    def close(self) -> None:
        pass


def milliseconds(call: Callable[[int], object]) -> tuple[float, float]:
    call(0)  # loads the data once
    times = []
    for number in range(1, ROUNDS + 1):
        start = time.perf_counter()
        call(number)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times), sorted(times)[int(ROUNDS * 0.95)]


def main() -> None:
    floor = requests.Session()
    floor.mount("https://", Canned())
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": PROMPT}]}
    url = "https://api.anthropic.com/v1/messages"

    client = connect("course")
    draft = generate(PROMPT)
    findings = run_all_critiques(draft, CONSTITUTION, PROMPT)
    broken = [c for c in findings if c["violated"]]
    kept = [c for c in findings if not c["violated"]]

    def ask(system: str, message: str) -> Callable[[int], object]:
        # The number makes every request a new one, so that nothing is answered from a cache.
        return lambda number: client.call(system, f"{message}\n" if number % 2 else message)

    rows = {
        "requests with an empty adapter": lambda number: json.loads(floor.post(url, json=body).content),
        "generate": ask("", PROMPT),
        "generate, unknown prompt": lambda number: client.call("", f"What is the {number}th prime number?"),
        "critique, same draft": lambda number: client.call(
            CRITIC_PROMPT, critic_message(draft, CONSTITUTION[number % 5], f"{PROMPT} {number}")
        ),
        "critique, new draft": lambda number: client.call(
            CRITIC_PROMPT, critic_message(f"{draft}\nThat was tip {number}.", CONSTITUTION[number % 5], PROMPT)
        ),
        "revise, authored": ask(REVISER_PROMPT, reviser_message(draft, broken, kept, PROMPT)),
        "revise, other draft": lambda number: client.call(
            REVISER_PROMPT, reviser_message(f"{draft}\nThat was tip {number}.", broken, kept, PROMPT)
        ),
    }
    print(f"{'call':32}{'median ms':>10}{'95 % ms':>10}")
    for name, call in rows.items():
        median, high = milliseconds(call)
        print(f"{name:32}{median:10.2f}{high:10.2f}")
    runs = [milliseconds_a_call(prompt) for prompt in tempting_prompts()]
    print(f"{'a pipeline run, per call':32}{statistics.median(runs):10.2f}{sorted(runs)[int(len(runs) * 0.95)]:10.2f}")


def tempting_prompts() -> list[str]:
    return [entry.prompt for entry in library.entries() if entry.revision]


def milliseconds_a_call(prompt: str) -> float:
    """Milliseconds of one run of the pipeline on drafts not seen before, divided by its calls."""
    start = time.perf_counter()
    result = constitutional_ai_pipeline(prompt, CONSTITUTION)
    return (time.perf_counter() - start) * 1000 / result["calls"]


if __name__ == "__main__":
    main()
