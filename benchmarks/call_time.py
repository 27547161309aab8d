"""What one call costs: the course model in-process, beside the floor of `requests` with an adapter that does nothing.

Run: python benchmarks/call_time.py     (prints milliseconds per call: median and 95th percentile)
Budget: a course-model call at zero latency takes at most 3 ms.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import requests
from requests.adapters import BaseAdapter

from cai_helpers import CONSTITUTION, connect, generate
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
        "critique, long draft": lambda number: client.call(
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


if __name__ == "__main__":
    main()
