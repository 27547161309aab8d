"""How long does `import cai_helpers` take on top of `import requests`?

    python benchmarks/import_time.py

Each figure is the median of 11 fresh interpreters, taken in turn so that a busy moment hits all rows alike.
The course's budget is 60 ms on top of requests; the exit status is 1 when it is exceeded.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROUNDS = 11
BUDGET_MS = 60.0
ROOT = Path(__file__).resolve().parents[1]
STATEMENTS = {
    "nothing": "pass",
    "import requests": "import requests",
    "import cai_helpers": "import cai_helpers",
    "import cai_helpers.course_model": "import cai_helpers.course_model",
}
TIMED = "import time; t = time.perf_counter()\n{}\nprint((time.perf_counter() - t) * 1000)"


def milliseconds(statement: str) -> float:
    """How long one statement takes in a fresh interpreter, without the interpreter's own start."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Every statement `rounds` times, in turn, after one unmeasured round that fills the caches."""
    for statement in STATEMENTS.values():
        milliseconds(statement)
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(rounds):
        for name, statement in STATEMENTS.items():
            times[name].append(milliseconds(statement))
    return times


def main() -> int:
    """Print the table; 1 when the budget is exceeded."""
    times = measure()
    print(f"| statement | median ms of {ROUNDS} | lowest | highest |\n| --- | --- | --- | --- |")
    for name, taken in times.items():
        print(f"| {name} | {statistics.median(taken):.1f} | {min(taken):.1f} | {max(taken):.1f} |")
    pairs = zip(times["import cai_helpers"], times["import requests"], strict=True)
    added = statistics.median(ours - theirs for ours, theirs in pairs)
    print(f"\ncai_helpers adds {added:.1f} ms to requests (budget: {BUDGET_MS:.0f} ms).")
    return 1 if added > BUDGET_MS else 0


if __name__ == "__main__":
    sys.exit(main())
