"""The audit log of the guardrail: JSON lines that rotate, survive a kill, and hold no secret.

One line per request, written whole and at once. A process that is killed in the middle of a line leaves half of one:
the next writer closes it, and `read_log` reports it instead of guessing what it said.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict, cast

from cai_helpers.constitution import Principle

MAX_BYTES = 10_000_000  # of one file of the log
KEEP = 5  # older files that stay: log.1 is the newest of them


class AuditRecord(TypedDict, total=False):
    """One request. id: 16 hex digits. time: UTC, ISO 8601. mode: "guard", "stream" or "audit".

    model, critic_model: who wrote, who judged. constitution: its version (`constitution_version`). outcome: how it
    ended. reason: where and why, in a few words of ours. patterns: what the deterministic rules found, by kind.
    route: "critic", "skipped", "sampled" (skipped, and checked all the same), or "" where it did not get that far.
    verdicts, recheck: {rule id: verdict} on the draft and on its revision. stages: seconds of each. latency_sec: all
    of it. calls, tokens: used until the end. prompt, text: what was asked and what the user saw, redacted.
    """

    id: str
    time: str
    mode: str
    model: str
    critic_model: str
    constitution: str
    outcome: str
    reason: str
    patterns: list[str]
    route: str
    verdicts: dict[str, str]
    recheck: dict[str, str]
    stages: dict[str, float]
    latency_sec: float
    calls: int
    tokens: int
    prompt: str
    text: str


class Log(TypedDict):
    """records: the whole lines, oldest first. damaged: lines that are no record, as "file: line N, M bytes"."""

    records: list[AuditRecord]
    damaged: list[str]


def constitution_version(constitution: list[Principle]) -> str:
    """12 hex digits that change with every id, text or order of the rules."""
    rules = [[rule["id"], rule["text"]] for rule in constitution]
    return hashlib.sha256(json.dumps(rules).encode()).hexdigest()[:12]


_locks: dict[str, threading.Lock] = {}  # by file: two logs on one file take turns
_making = threading.Lock()


class AuditLog:
    """A file that records are appended to, from any thread of one process. Other processes need a file of their own.

    max_bytes: above it the file becomes path.1, path.1 becomes path.2, up to `keep`; older ones go.
    sync: wait until the disk has each line. Without it a line survives a kill of the process, not a power cut.
    ValueError for a max_bytes or keep below 1.
    """

    def __init__(self, path: str | Path, max_bytes: int = MAX_BYTES, keep: int = KEEP, sync: bool = False):
        if max_bytes < 1 or keep < 1:
            raise ValueError("max_bytes and keep must be 1 or more.")
        self.path, self.max_bytes, self.keep, self.sync = Path(path), max_bytes, keep, sync
        with _making:
            self._lock = _locks.setdefault(str(self.path.absolute()), threading.Lock())

    def append(self, record: AuditRecord | dict[str, Any]) -> None:
        """Write one record as one line. OSError where the disk does not take it."""
        line = json.dumps(record, default=str).encode() + b"\n"  # ASCII alone: no character can break a line
        with self._lock:
            self._rotate(len(line))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab+", buffering=0) as file:
                if not ends_whole(file):
                    line = b"\n" + line
                if file.write(line) != len(line):  # the next record closes what was begun
                    raise OSError(f"Only a part of a record could be written to {self.path.name}.")
                if self.sync:
                    os.fsync(file.fileno())

    def _rotate(self, more: int) -> None:
        """Make room for so many bytes more."""
        if not self.path.exists() or self.path.stat().st_size + more <= self.max_bytes:
            return
        files = [self.path, *(numbered(self.path, n) for n in range(1, self.keep + 1))]
        for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)


def ends_whole(file: Any) -> bool:
    """Whether an open file is empty or ends with a line feed. Half a line is closed by the next one that is written."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def numbered(path: Path, number: int) -> Path:
    """The path of an older file of a log."""
    return path.with_name(f"{path.name}.{number}")


def read_log(path: str | Path) -> Log:
    """A log with its older files. What is no whole record is reported, not guessed; no file, no records."""
    log: Log = {"records": [], "damaged": []}
    for file in reversed(files_of(Path(path))):
        for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
            record = read_line(line)
            if record is not None:
                log["records"].append(record)
            elif line.strip():
                log["damaged"].append(f"{file.name}: line {number}, {len(line)} bytes")
    return log


def files_of(path: Path) -> list[Path]:
    """The files of a log that are there, newest first."""
    names = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    ends = [name[len(path.name) + 1 :] for name in names if name.startswith(f"{path.name}.")]
    numbers = sorted(int(end) for end in ends if end.isdecimal())
    return [file for file in (path, *(numbered(path, n) for n in numbers)) if file.is_file()]


def read_line(line: bytes) -> AuditRecord | None:
    """The record in a line, or None where there is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast(AuditRecord, record) if isinstance(record, dict) and "outcome" in record else None


class AuditQueue:
    """Work that is done later, by one thread, in the order it came; at most `size` pieces wait.

    `counts` says what came, what was done and what was dropped because the queue was full. Where no thread can start,
    the work waits for `drain`."""

    def __init__(self, work: Callable[[Any], object], size: int = 100):
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise ValueError(f"The size of the queue must be a whole number from 1 up, not {size!r}.")
        self.work, self.waiting = work, queue.Queue[Any](size)
        self.counts = {"came": 0, "done": 0, "failed": 0, "dropped": 0}
        self._lock, self._started = threading.Lock(), False

    def put(self, item: Any) -> bool:
        """Whether there was room for it."""
        with self._lock:
            try:
                self.waiting.put_nowait(item)
                taken = True
            except queue.Full:
                taken = False
            self.counts["came"] += 1
            self.counts["dropped"] += not taken
            if not self._started:
                self._started = True
                with suppress(RuntimeError):  # no thread can start here: drain does the work
                    threading.Thread(target=self._run, daemon=True).start()
        return taken

    def drain(self, timeout: float = 60.0) -> dict[str, int]:
        """Help until nothing waits any more, for at most so many seconds; gives the counts and what still waits."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self._unfinished():
            with suppress(queue.Empty):
                self._do(self.waiting.get_nowait())
                continue
            time.sleep(0.01)  # the last pieces are in the other thread's hands
        return {**self.counts, "waiting": self._unfinished()}

    def _unfinished(self) -> int:
        with self._lock:
            return self.counts["came"] - self.counts["dropped"] - self.counts["done"] - self.counts["failed"]

    def _run(self) -> None:
        for item in iter(self.waiting.get, None):
            self._do(item)

    def _do(self, item: Any) -> None:
        try:
            self.work(item)
            ended = "done"
        except Exception:  # one piece that fails must not stop those that wait
            ended = "failed"
        with self._lock:
            self.counts[ended] += 1
