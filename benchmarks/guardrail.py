"""What the guardrail costs and what it keeps apart: many requests at once, and requests that need no model.

    python benchmarks/guardrail.py     exit status 1 where a limit is missed

Concurrent: 50 requests at 0.2 s latency per call, five kinds in turn (passed, revised, withheld by a pattern, failed,
skipped by a router). None may be lost or mixed up, and the log must hold each once, with its own calls.
Overhead: requests that a router skips, one after the other, with patterns, log and threads, without a model call.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cai_helpers import SERVICE_RULES, Guardrail, connect, read_log  # noqa: E402

REQUESTS, LATENCY, MOST_MS = 50, 0.2, 5.0
GOOD = "Please open Settings, then Statements, and choose the month you need. This is answer number {n}."
DRAFTS = [GOOD, "You will get a full refund of 80 euros by Friday, I promise.", "Use sk-demo-0000-1111-2222.", "", GOOD]
ENDS = ["passed", "revised", "withheld", "failed", "passed"]
CALLS = [len(SERVICE_RULES), 2 * len(SERVICE_RULES) + 1, 0, 0, 0]


class Skip:
    """A router that skips the prompts that end with "skip"."""

    def needs_critic(self, prompt: str, draft: str) -> bool:
        return not prompt.endswith("skip")


def answer(prompt: str) -> str:
    number = int(prompt.split()[1])
    return DRAFTS[number % 5].format(n=number)


def concurrent(folder: Path) -> list[str]:
    """What went wrong; the times are printed."""
    connect("course")
    Guardrail(SERVICE_RULES, answer, router=False).guard("Case 1: where is my refund?")  # loads the data once
    connect("course", latency=LATENCY)
    box = Guardrail(SERVICE_RULES, answer, router=Skip(), sample=0, log=folder / "many.jsonl")
    prompts = [f"Case {n} {'skip' if n % 5 == 4 else ''}".strip() for n in range(REQUESTS)]
    start = time.perf_counter()
    with ThreadPoolExecutor(REQUESTS) as pool:
        results = list(pool.map(box.guard, prompts))
    seconds = time.perf_counter() - start
    log = read_log(folder / "many.jsonl")
    records = {record["id"]: record for record in log["records"]}
    problems = list(log["damaged"])
    for number, result in enumerate(results):
        record = records.get(result["audit"]["id"], {})
        if result["outcome"] != ENDS[number % 5] or record != result["audit"]:
            problems.append(f"case {number}: {result['outcome']}, {result['audit']['reason']}")
        elif record["prompt"] != prompts[number] or record["calls"] != CALLS[number % 5]:
            problems.append(f"case {number}: another one's record, {record['calls']} calls")
        elif number % 5 in (0, 4) and result["text"] != answer(prompts[number]):
            problems.append(f"case {number}: another one's text")
    if len(log["records"]) != REQUESTS or len(records) != REQUESTS:
        problems.append(f"{len(log['records'])} records for {REQUESTS} requests")
    calls = sum(record["calls"] for record in log["records"])
    print(
        f"{REQUESTS} requests at once, {calls} calls of {LATENCY} s: {seconds:.2f} s in all, 64 calls at most at once."
    )
    return problems


def overhead(folder: Path) -> float:
    """Milliseconds per request without a model call: the median."""
    box = Guardrail(
        SERVICE_RULES, answer, router=Skip(), sample=0, canaries=["Blue-Heron-42"], log=folder / "one.jsonl"
    )
    times = []
    for number in range(300):
        start = time.perf_counter()
        box.guard(f"Case {number * 5} skip")
        times.append((time.perf_counter() - start) * 1000)
    late = sorted(times)[int(len(times) * 0.95)]
    print(f"Without a model call: {statistics.median(times):.2f} ms per request (95th percentile {late:.2f} ms).")
    return statistics.median(times)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        problems = concurrent(Path(folder))
        for problem in problems:
            print(problem)
        slow = overhead(Path(folder)) > MOST_MS
    print("Missed." if problems or slow else "All within the limits: none lost, none mixed up, every record there.")
    return int(bool(problems or slow))


if __name__ == "__main__":
    sys.exit(main())
