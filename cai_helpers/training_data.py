"""Chapter 12: training data as phase 1 of the paper makes it, for as many prompts as one can pay for.

In the order of the lesson: a conversation that grows, a principle drawn for each step, one example; then the same for
many prompts: jobs that another process can do, a window of them under way, a pace, a file that resumes.
Files are in training_file.py, gates and exports in training_quality.py.

Paper: Bai et al., "Constitutional AI: Harmlessness from AI Feedback", https://arxiv.org/abs/2212.08073, sections 3.1
and 3.2. As there, nothing is judged: every draft is revised, and no verdict stops anything.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypedDict

from cai_helpers.client import current_client, metered
from cai_helpers.connection import connect
from cai_helpers.constitution import Principle, check_constitution
from cai_helpers.errors import LLMError
from cai_helpers.generator import GENERATOR_PROMPT, check_prompt
from cai_helpers.training_file import Example, Step, cut_torn_line, put_in_order, read_rows, to_line
from cai_helpers.training_quality import count_gates

CRITIQUE_REQUEST = (
    "Critique request: Point out what in your last reply goes against the principle, and quote the words.\n"
    "Principle: {principle}"
)
REVISION_REQUEST = (
    "Revision request: Rewrite your last reply so that it keeps the principle. Keep what is useful. "
    "Answer with the rewritten reply only, without a word about the critique.\n"
    "Principle: {principle}"
)
WORKERS = 8  # threads, where no executor is given
GIVE_UP = 50  # prompts that fail one after another: the next would fail as well

Context = list[dict[str, str]]
Job = dict[str, Any]


def ask_next(context: Context, request: str, temperature: float | None = None) -> str:
    """Ask the connected model with all that was said before; request and answer are appended to the context.

    context: messages {"role", "content"}, user and assistant in turn. LLMError where no answer comes."""
    client = current_client()
    asked = [*context, {"role": "user", "content": request}]

    def build() -> dict[str, Any]:
        body: dict[str, Any] = client.wire["build"](client.model, GENERATOR_PROMPT, request, temperature)
        return {**body, "messages": [*body["messages"][:-1], *asked]}  # what stands before is the system text

    answer = client.wire["read"](client.ask(build))
    context[:] = [*asked, {"role": "assistant", "content": answer}]
    return answer


def draw(constitution: list[Principle], prompt: str, seed: int, step: int, again: int = 0) -> Principle:
    """One principle at random, the same one whenever and wherever it is drawn (3.1: with replacement).

    again: how often this prompt stood in the list before."""
    mark = f"{seed}/{step}/{again}/{prompt}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(hashlib.sha256(mark).digest()[:8], "big")
    return constitution[number % len(constitution)]


def critique_and_revise(context: Context, principle: Principle, temperature: float | None = None) -> Step:
    """One step: a critique of the last reply under one principle, then a revision. Two calls, four messages."""
    critique = ask_next(context, CRITIQUE_REQUEST.format(principle=principle["text"]), temperature)
    revision = ask_next(context, REVISION_REQUEST.format(principle=principle["text"]), temperature)
    return {
        "principle_id": principle["id"],
        "principle_text": principle["text"],
        "critique": critique,
        "revision": revision,
    }


def make_example(
    prompt: str, principles: list[Principle], number: int = 1, temperature: float | None = None
) -> Example:
    """Draft, critique, revision, critique, revision, ... in one context, with one step for each principle given."""
    context: Context = []
    draft = ask_next(context, check_prompt(prompt), temperature)
    steps = [critique_and_revise(context, principle, temperature) for principle in principles]
    return {"number": number, "prompt": prompt, "draft": draft, "steps": steps}


class Counts(TypedDict):
    """prompts: all that were given. kept: in the file before. written, failed: in this run. not_tried: left out when
    too many failed in a row. calls, input_tokens, output_tokens: of this run. gates: of the whole file."""

    prompts: int
    kept: int
    written: int
    failed: int
    not_tried: int
    calls: int
    input_tokens: int
    output_tokens: int
    gates: dict[str, int]


def build_dataset(
    prompts: Iterable[str],
    constitution: list[Principle],
    out: str | Path,
    executor: Executor | None = None,
    steps: int = 4,
    seed: int = 0,
    *,
    temperature: float | None = None,
    calls_per_minute: float | None = None,
    progress: Callable[[int, int], object] | None = None,
    connection: dict[str, Any] | None = None,
    window: int = 64,
) -> Counts:
    """Write one example per prompt into `out`, as JSON lines in the order of the prompts. A run that was killed goes
    on where it was: call it again with the same arguments. More prompts may follow at the end of the list.

    executor: who works; eight threads of its own where none is given. Any `concurrent.futures.Executor`, which is
    left open: a `ProcessPoolExecutor`, or Dask's `Client(address).get_executor()`. A worker in another process
    connects by itself, with `connection`, the arguments of `connect` as a dict, or else as its environment says
    (CAI_BACKEND, CAI_MODEL, CAI_BASE_URL). A key never travels: each worker has it in its environment.
    steps: critiques and revisions per prompt; 0 for helpful prompts, which the paper only samples (3.2).
    temperature: None sends none; the paper samples everything at 1 (3.2). A prompt that stands in the list twice is
    worked on twice. calls_per_minute: prompts start so that their 1 + 2 * steps calls keep this pace.
    progress: called with (examples in the file, prompts). window: prompts under way at once.

    Prompts whose calls fail are listed in `out` with .failed.jsonl as its ending, and tried again in the next run.
    An interrupt starts no further prompt, and waits for those under way. One run at a time may write a file.
    ValueError for bad arguments, and for a file that was made from others."""
    plan = make_plan(prompts, constitution, steps, seed, temperature, connection)
    check_window(window, calls_per_minute)
    path, jobs = Path(out), Jobs(plan)
    kept = numbers_in(path, jobs)
    counts = start_counts(len(jobs), len(kept))
    todo = (jobs[number] for number in range(1, len(jobs) + 1) if number not in kept)
    pace = (1 + 2 * steps) * 60 / calls_per_minute if calls_per_minute else 0.0
    run_jobs(path, paced(todo, pace), executor, window, counts, progress)
    put_in_order(path)
    counts["gates"] = count_gates(read_rows(path))
    return counts


# ------------------------------------------------------------ what is to be done


def make_plan(
    prompts: Iterable[str],
    constitution: list[Principle],
    steps: int,
    seed: int,
    temperature: float | None,
    connection: dict[str, Any] | None,
) -> dict[str, Any]:
    """All that a job is made of. ValueError, before the first call is paid for, where it cannot be used."""
    if isinstance(prompts, str):
        raise ValueError("prompts is a list of texts, not one text: put it between [ and ].")
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise ValueError(f"steps must be a whole number from 0 up, not {steps!r}.")
    if connection and "api_key" in connection:
        raise ValueError("A key must not travel to the workers: set it in the environment of each worker.")
    return {
        "prompts": [checked(prompt, number) for number, prompt in enumerate(prompts, start=1)],
        "constitution": check_constitution(constitution),
        "steps": steps,
        "seed": seed,
        "temperature": temperature,
        "connection": connection or {},
        "home": here(),
        "model": current_client().model,
    }


def checked(prompt: Any, number: int) -> str:
    """The prompt itself; ValueError that names its number where it is empty or no text."""
    try:
        return check_prompt(prompt)
    except ValueError as problem:
        raise ValueError(f"Prompt number {number}: {problem}") from None


def check_window(window: Any, calls_per_minute: Any) -> None:
    """ValueError where nothing could be under way, or no pace be kept."""
    if not isinstance(window, int) or isinstance(window, bool) or window < 1:
        raise ValueError(f"window must be a whole number from 1 up, not {window!r}.")
    if calls_per_minute is not None and not calls_per_minute > 0:
        raise ValueError(f"calls_per_minute must be above 0, or None for no limit, not {calls_per_minute!r}.")


class Jobs:
    """The jobs of a plan by number, from 1. Each is made when it is asked for, so that a million take no room."""

    def __init__(self, plan: dict[str, Any]):
        self.plan, seen = plan, Counter[str]()
        self.again = []
        for prompt in plan["prompts"]:
            self.again.append(seen[prompt])
            seen[prompt] += 1

    def __len__(self) -> int:
        return len(self.again)

    def __getitem__(self, number: int) -> Job:
        plan, prompt, again = self.plan, self.plan["prompts"][number - 1], self.again[number - 1]
        drawn = [draw(plan["constitution"], prompt, plan["seed"], n, again) for n in range(1, plan["steps"] + 1)]
        carried = {name: plan[name] for name in ("temperature", "connection", "home", "model")}
        return {"number": number, "prompt": prompt, "principles": drawn, **carried}


def numbers_in(path: Path, jobs: Jobs) -> set[int]:
    """The numbers of the examples that the file holds; a torn last line is cut off."""
    cut_torn_line(path)
    found: set[int] = set()
    for row in read_rows(path) if path.exists() else ():
        check_row(row, jobs, path)
        if row["number"] in found:
            raise ValueError(f"{path.name} holds example {row['number']} twice. Did two runs write it at once?")
        found.add(row["number"])
    return found


def check_row(row: Any, jobs: Jobs, path: Path) -> None:
    """ValueError where a row of the file is not what its job would give: other prompts, principles, steps or seed."""
    number = row.get("number") if isinstance(row, dict) else None
    job = jobs[number] if isinstance(number, int) and 0 < number <= len(jobs) else {"prompt": None, "principles": []}
    drawn = [p["text"] for p in job["principles"]]
    if job["prompt"] is None or row.get("prompt") != job["prompt"]:
        problem = "other prompts"
    elif [step["principle_text"] for step in row["steps"]] != drawn:
        problem = "another constitution, seed or number of steps"
    else:
        return
    raise ValueError(f"{path.name} was made from {problem} (example {number}). Give the same again, or a new file.")


# ------------------------------------------------------------ doing it, here or elsewhere

_MARK = os.urandom(8).hex()
_connecting = threading.Lock()
_connected: set[str] = set()  # the process that has connected as a worker: a copy of it is another one


def here() -> str:
    """A name that no other process has, on this machine or another; a copy of this process has its own too."""
    return f"{_MARK}/{os.getpid()}"


def connect_worker(job: Job) -> None:
    """In the process that asked for the job: nothing. In another: connect, once, as the job says.

    RuntimeError where that leads to another model, which would spoil the data."""
    if job["home"] == here():
        return
    with _connecting:
        if here() not in _connected:
            connect(**job["connection"])
            _connected.add(here())
    if current_client().model != job["model"]:
        raise RuntimeError(
            f"This worker is connected to {current_client().model}, not to {job['model']}. "
            'Give build_dataset connection={"backend": ..., "model": ...}, or set CAI_BACKEND and CAI_MODEL there.'
        )


def do_job(job: Job) -> dict[str, Any]:
    """One job, wherever it runs: number, prompt, usage, and the example or the error. Job and answer pickle."""
    connect_worker(job)
    result: dict[str, Any] = {"number": job["number"], "prompt": job["prompt"]}
    with metered() as usage:
        try:
            result["example"] = make_example(job["prompt"], job["principles"], job["number"], job["temperature"])
        except LLMError as error:
            result["error"] = str(error)
    return {**result, "usage": usage}


def submit(pool: Executor, job: Job, own: bool) -> Future[dict[str, Any]]:
    """The job's future. Where a pool of our own cannot start a thread, the job is done at once."""
    try:
        return pool.submit(do_job, job)
    except RuntimeError:
        if not own:
            raise
    done: Future[dict[str, Any]] = Future()
    done.set_result(do_job(job))
    return done


def in_window(pool: Executor, jobs: Iterable[Job], window: int, own: bool = False) -> Iterator[dict[str, Any]]:
    """The results in the order of the jobs, with at most `window` under way or waiting for their turn."""
    waiting: deque[Future[dict[str, Any]]] = deque()
    try:
        for job in jobs:
            waiting.append(submit(pool, job, own))
            while waiting and (len(waiting) >= window or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def paced(
    jobs: Iterable[Job],
    seconds: float,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Job]:
    """The jobs, each at least so many seconds after the one before."""
    due = clock()
    for job in jobs:
        if due > clock():
            sleep(due - clock())
        due = max(due, clock()) + seconds
        yield job


def run_jobs(
    path: Path,
    jobs: Iterable[Job],
    executor: Executor | None,
    window: int,
    counts: Counts,
    progress: Callable[[int, int], object] | None,
) -> None:
    """Write each result as it comes, so that a killed run has lost none of them."""
    pool = executor or ThreadPoolExecutor(WORKERS)
    failed = path.with_suffix(".failed.jsonl")
    failed.unlink(missing_ok=True)
    try:
        with path.open("ab") as file:
            for result in until_hopeless(in_window(pool, jobs, window, own=executor is None)):
                note(result, file, failed, counts)
                if progress:
                    progress(counts["kept"] + counts["written"], counts["prompts"])
    finally:
        counts["not_tried"] = counts["prompts"] - counts["kept"] - counts["written"] - counts["failed"]
        if pool is not executor:
            pool.shutdown(wait=True, cancel_futures=True)


def until_hopeless(results: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The results, until too many in a row are failures: a missing key or a dead server fails for each prompt."""
    row = 0
    for result in results:
        yield result
        row = row + 1 if "error" in result else 0
        if row >= GIVE_UP:
            return


def note(result: dict[str, Any], file: Any, failed: Path, counts: Counts) -> None:
    """One result into its file, and into the counts."""
    if "example" in result:
        file.write(to_line(result["example"]))
        file.flush()  # out of this process: a kill cannot take it back
        counts["written"] += 1
    else:
        with failed.open("ab") as listed:
            listed.write(to_line({name: result[name] for name in ("number", "prompt", "error")}))
        counts["failed"] += 1
    counts["calls"] += int(result["usage"]["calls"])
    counts["input_tokens"] += int(result["usage"]["input_tokens"])
    counts["output_tokens"] += int(result["usage"]["output_tokens"])


def start_counts(prompts: int, kept: int) -> Counts:
    """Counts before the first job."""
    return {
        "prompts": prompts,
        "kept": kept,
        "written": 0,
        "failed": 0,
        "not_tried": 0,
        "calls": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "gates": {},
    }
