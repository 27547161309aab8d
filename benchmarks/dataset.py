"""10,000 prompts through `build_dataset`: memory, two kills, and the same bytes from a cluster.

    python benchmarks/dataset.py [prompts]

Five runs on the course model at zero latency, each a process of its own: one that nothing disturbs, two that are
killed with SIGKILL at a third and at two thirds and the one that ends their work, and one on a Dask cluster of two
local processes (where `distributed` is installed). Prints one line for each, and leaves with 1 where a claim fails:
no prompt lost or doubled, at most 300 MB above the start, output equal byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PROMPTS = 10_000
MOST = 300  # MB above the start


def prompts(count: int) -> list[str]:
    """Different prompts: the library's, in all their phrasings, then again with a word on who asks."""
    from cai_helpers.course_model import library

    known = [text for entry in library.entries() for text in (entry.prompt, *entry.phrasings)]
    return [known[n % len(known)] + (f" (Question {n // len(known)})" if n >= len(known) else "") for n in range(count)]


def megabytes() -> float:
    """The most memory that this process has used so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def work(out: str, count: int, cluster: bool) -> None:
    """The child: builds, tells the parent how far it is, and what it took."""
    from cai_helpers import CONSTITUTION, build_dataset, connect

    connect("course")
    build_dataset(prompts(20), CONSTITUTION, out + ".warm")  # the course model has read its library
    asked, start, begun = prompts(count), megabytes(), time.perf_counter()

    def tell(done: int, total: int) -> None:
        if done % 50 == 0:
            print(done, flush=True)

    if cluster:
        from distributed import Client, LocalCluster

        options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
        with LocalCluster(**options, silence_logs=50) as local, Client(local) as dask:
            counts = build_dataset(asked, CONSTITUTION, out, dask.get_executor(), progress=tell)
    else:
        counts = build_dataset(asked, CONSTITUTION, out, progress=tell)
    print(json.dumps({**counts, "more": megabytes() - start, "seconds": time.perf_counter() - begun}), flush=True)


def run(out: Path, count: int, kill_at: int = 0, cluster: bool = False) -> dict[str, Any]:
    """One child; killed as soon as it has written `kill_at` prompts, if that is given."""
    order = [sys.executable, __file__, "--work", str(out), str(count), str(int(cluster))]
    child = subprocess.Popen(order, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    last = ""
    for line in child.stdout:
        last = line
        if kill_at and not line.startswith("{") and int(line) >= kill_at:
            os.kill(child.pid, signal.SIGKILL)
            break
    if child.wait() and not kill_at:
        sys.exit(f"The run for {out.name} ended by itself, with code {child.returncode}: nothing can be said of it.")
    return dict(json.loads(last)) if last.startswith("{") else {}


def describe(name: str, out: Path, result: dict[str, Any]) -> str:
    """A line of the report, and the digest of the file."""
    digest = hashlib.sha256(out.read_bytes()).hexdigest()[:16]
    took = f"{result['seconds']:6.0f} s  {result['more']:5.0f} MB above the start  " if result else " " * 36
    lines = out.read_bytes().count(b"\n")
    print(f"{name:22}{took}{lines:7} lines  {out.stat().st_size / 1e6:6.1f} MB  sha256 {digest}", flush=True)
    return digest


def main(count: int) -> int:
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        whole, resumed, spread = (Path(folder) / f"{name}.jsonl" for name in ("whole", "resumed", "cluster"))
        result = run(whole, count)
        wanted = describe("undisturbed", whole, result)
        numbers = [json.loads(line)["number"] for line in whole.read_bytes().splitlines()]
        if numbers != list(range(1, count + 1)):
            failures.append("a prompt was lost, doubled or misplaced")
        if result["more"] > MOST:
            failures.append(f"more than {MOST} MB")
        for part in (1, 2):
            run(resumed, count, kill_at=part * count // 3)
            describe(f"killed ({part})", resumed, {})
        ended = run(resumed, count)
        if describe("resumed", resumed, ended) != wanted:
            failures.append("the resumed file differs")
        if ended["kept"] + ended["written"] != count or ended["kept"] < 2 * count // 3:
            failures.append("the resumed run did not go on where the killed one was")
        if find_spec("distributed"):
            if describe("cluster of two", spread, run(spread, count, cluster=True)) != wanted:
                failures.append("the cluster's file differs")
        else:
            print("cluster of two: distributed is not installed")
        print(f"{result['calls']} calls, {1000 * result['seconds'] / result['calls']:.1f} ms each; {result['gates']}")
    print("FAILS: " + "; ".join(failures) if failures else "All claims hold.")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1")
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else PROMPTS))
