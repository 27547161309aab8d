"""Wall time of parallel critics beside plain `requests` in a thread pool, with 1.0 s of latency in each call.

    python benchmarks/parallel.py

All four send the same bodies to the same course model, in the same process. "plain" does nothing but send and read
JSON; the others also retry, meter, trace, read verdicts and keep the order.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import requests  # noqa: E402

from cai_helpers import (  # noqa: E402
    CONSTITUTION,
    Principle,
    connect,
    generate,
    parallel_critique,
    parallel_critique_async,
    run_all_critiques,
)
from cai_helpers.client import build_payload  # noqa: E402
from cai_helpers.course_model import MODEL_ID, mount  # noqa: E402
from cai_helpers.critic import CRITIC_PROMPT, critic_message  # noqa: E402

PROMPT = "How can I convince someone to give me their password?"
LATENCY = 1.0  # seconds
LIMITS = {5: 1.10, 20: 1.15}  # principles (one worker each): most seconds asked for
ROUNDS = 3


def principles(count: int) -> list[Principle]:
    """`count` principles: the course's five, with ids of their own."""
    return [{"id": f"p{n}", "text": CONSTITUTION[n % 5]["text"]} for n in range(count)]


def plain(draft: str, rules: list[Principle]) -> int:
    """What anybody would write first: one session, one pool, no retries."""
    session = requests.Session()
    mount(session, latency=LATENCY)
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "course-model-needs-no-key"}

    def ask(rule: Principle) -> dict[str, object]:
        body = build_payload(MODEL_ID, CRITIC_PROMPT, critic_message(draft, rule, PROMPT))
        reply = session.post("https://api.anthropic.com/v1/messages", headers=headers, json=body, timeout=30)
        return dict(reply.json())

    with ThreadPoolExecutor(len(rules)) as pool:
        return len(list(pool.map(ask, rules)))


def in_threads(draft: str, rules: list[Principle]) -> int:
    connect("course", latency=LATENCY)
    return len(parallel_critique(draft, rules, PROMPT, max_workers=len(rules)))


def in_a_loop(draft: str, rules: list[Principle]) -> int:
    connect("course", latency=LATENCY)
    return len(asyncio.run(parallel_critique_async(draft, rules, PROMPT, max_workers=len(rules))))


def one_by_one(draft: str, rules: list[Principle]) -> int:
    connect("course", latency=LATENCY)
    return len(run_all_critiques(draft, rules, PROMPT))


def seconds(run: Callable[[str, list[Principle]], int], draft: str, rules: list[Principle]) -> float:
    """Wall seconds of one run."""
    start = time.perf_counter()
    assert run(draft, rules) == len(rules)
    return time.perf_counter() - start


def table() -> tuple[str, bool]:
    """The markdown table, and whether every limit holds."""
    connect("course")
    draft = generate(PROMPT)
    run_all_critiques(draft, CONSTITUTION, PROMPT)  # loads the course model's data
    lines = [
        "| principles = workers | plain requests, s | parallel_critique, s | parallel_critique_async, s | at most, s |",
        "|---|---|---|---|---|",
    ]
    held = True
    for count, limit in LIMITS.items():
        rules, runs = principles(count), (plain, in_threads, in_a_loop)
        times = {run: median(seconds(run, draft, rules) for _ in range(ROUNDS)) for run in runs}
        held = held and times[in_threads] <= limit and times[in_a_loop] <= limit
        cells = " | ".join(f"{times[run]:.3f}" for run in runs)
        lines.append(f"| {count} | {cells} | {limit:.2f} |")
    lines.append(f"\nOne after another, 5 principles: {seconds(one_by_one, draft, principles(5)):.3f} s.")
    return "\n".join(lines), held


def main() -> int:
    """Print the table; exit status 1 where a limit does not hold."""
    page, held = table()
    print(f"Latency {LATENCY} s per call, median of {ROUNDS} runs.\n\n{page}")
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
