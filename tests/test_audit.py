"""The audit log: whole lines from many threads, rotation, what a kill leaves, and the queue that drops aloud."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cai_helpers import SERVICE_RULES, AuditLog, read_log
from cai_helpers.audit import AuditQueue, constitution_version
from tests.conftest import ROOT


def record(number, **fields):
    return {"id": f"{number:016x}", "outcome": "passed", "text": f"Answer {number}.", **fields}


def test_what_is_written_is_read(tmp_path):
    log = AuditLog(tmp_path / "deep" / "audit.jsonl")
    records = [record(1), record(2, text="two\nlines \u2028 \x85 \ud800 é"), record(3, verdicts={"a": "VIOLATED"})]
    for one in records:
        log.append(one)
    assert read_log(log.path) == {"records": records, "damaged": []}
    lines = log.path.read_bytes().split(b"\n")
    assert len(lines) == 4 and lines[3] == b"" and all(json.loads(line) for line in lines[:3])


def test_no_file_no_records(tmp_path):
    assert read_log(tmp_path / "none.jsonl") == {"records": [], "damaged": []}
    assert read_log(tmp_path / "no" / "folder.jsonl") == {"records": [], "damaged": []}


def test_it_rotates_by_size_and_keeps_the_order(tmp_path):
    path = tmp_path / "audit[1].jsonl"  # a name that a file pattern would read otherwise
    log = AuditLog(path, max_bytes=200, keep=2)
    for number in range(12):
        log.append(record(number))
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["audit[1].jsonl", "audit[1].jsonl.1", "audit[1].jsonl.2"]
    assert all(file.stat().st_size <= 200 for file in tmp_path.iterdir())
    numbers = [int(r["id"], 16) for r in read_log(path)["records"]]
    assert numbers == list(range(12 - len(numbers), 12)) and len(numbers) >= 5


def test_a_record_larger_than_a_file_is_written_all_the_same(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", max_bytes=10)
    log.append(record(1))
    log.append(record(2))
    assert [r["id"][-1] for r in read_log(log.path)["records"]] == ["1", "2"]


@pytest.mark.parametrize("max_bytes", [10_000_000, 3_000])
def test_many_threads_and_two_logs_on_one_file_lose_nothing(tmp_path, max_bytes):
    logs = [AuditLog(tmp_path / "audit.jsonl", max_bytes=max_bytes, keep=99) for _ in range(2)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: logs[n % 2].append(record(n, text="x" * (n % 300))), range(400)))
    log = read_log(logs[0].path)
    assert not log["damaged"] and sorted(int(r["id"], 16) for r in log["records"]) == list(range(400))


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_half_a_line_is_reported_and_closed_by_the_next_writer(tmp_path, cut):
    path = tmp_path / "audit.jsonl"
    for number in (1, 2):
        AuditLog(path).append(record(number))
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    AuditLog(path).append(record(3))
    log = read_log(path)
    ids = [int(r["id"], 16) for r in log["records"]]
    if cut == 1:  # only the line feed was missing
        assert ids == [1, 2, 3] and log["damaged"] == []
    else:
        size = len(whole) // 2 - cut
        assert ids == [1, 3] and log["damaged"] == [f"audit.jsonl: line 2, {size} bytes"]


def test_lines_that_are_no_records_are_reported(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'[]\n{"a": 1}\n\n\xff\xfe\n' + json.dumps(record(1)).encode() + b"\n" + b"[" * 100_000 + b"\n")
    log = read_log(path)
    assert len(log["records"]) == 1 and len(log["damaged"]) == 4


KILLED = """
import sys
from cai_helpers.audit import AuditLog
log = AuditLog(sys.argv[1], max_bytes=20_000, keep=99)
number = 0
while True:
    log.append({"id": f"{number:016x}", "outcome": "passed", "text": "x" * 200})
    number += 1
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_it_survives_a_kill(tmp_path):
    path = tmp_path / "audit.jsonl"
    child = subprocess.Popen([sys.executable, "-c", KILLED, path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while int(child.stdout.readline()) < 300:
        pass
    os.kill(child.pid, signal.SIGKILL)
    said = [int(line) for line in child.communicate()[0].split()]
    AuditLog(path).append(record(10**6))
    log = read_log(path)
    numbers = [int(r["id"], 16) for r in log["records"]]
    written = numbers[:-1]
    assert written == list(range(len(written))) and len(written) >= max([300, *said])
    assert len(log["damaged"]) <= 1 and numbers[-1] == 10**6


def test_a_place_that_takes_no_record_is_an_error(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl")
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(OSError):
        log.append(record(1))


def test_half_a_write_is_an_error_and_the_next_record_is_whole(tmp_path, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, line):
            return self.file.write(line[:20])

        def __getattr__(self, name):
            return getattr(self.file, name)

    log, real = AuditLog(tmp_path / "audit.jsonl"), Path.open
    with monkeypatch.context() as disk:
        disk.setattr(Path, "open", lambda path, *a, **k: Full(real(path, *a, **k)))
        with pytest.raises(OSError, match="Only a part"):
            log.append(record(1))
    log.append(record(2))
    found = read_log(log.path)
    assert [r["id"][-1] for r in found["records"]] == ["2"] and found["damaged"] == ["audit.jsonl: line 1, 20 bytes"]


@pytest.mark.parametrize("options", [{"max_bytes": 0}, {"keep": 0}])
def test_bad_sizes(tmp_path, options):
    with pytest.raises(ValueError, match="1 or more"):
        AuditLog(tmp_path / "x", **options)


def test_sync_writes_too(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", sync=True)
    log.append(record(1))
    assert len(read_log(log.path)["records"]) == 1


def test_the_version_changes_with_every_word_and_with_the_order():
    version = constitution_version(SERVICE_RULES)
    assert len(version) == 12 and version == constitution_version([dict(rule) for rule in SERVICE_RULES])
    other = [{**SERVICE_RULES[0], "text": SERVICE_RULES[0]["text"] + " "}, *SERVICE_RULES[1:]]
    renamed = [{**SERVICE_RULES[0], "id": "x"}, *SERVICE_RULES[1:]]
    versions = [constitution_version(rules) for rules in (other, renamed, SERVICE_RULES[::-1], SERVICE_RULES[1:])]
    assert len({version, *versions}) == 5
    without_twin = [{"id": rule["id"], "text": rule["text"]} for rule in SERVICE_RULES]
    assert constitution_version(without_twin) == version


def test_the_queue_keeps_the_order_counts_failures_and_goes_on():
    done = []

    def work(item):
        if item == 2:
            raise RuntimeError
        done.append(item)

    line = AuditQueue(work, size=10)
    assert all(line.put(number) for number in range(5))
    deadline = time.monotonic() + 10
    while line.counts["done"] < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert done == [0, 1, 3, 4] and line.drain() == {"came": 5, "done": 4, "failed": 1, "dropped": 0, "waiting": 0}


def test_a_full_queue_says_no_and_draining_has_an_end():
    release = threading.Event()
    line = AuditQueue(lambda item: release.wait(10), size=3)
    taken = [line.put(number) for number in range(8)]
    assert taken[:3] == [True] * 3 and not taken[-1]
    line.work = lambda item: time.sleep(0.01)
    start = time.monotonic()
    counts = line.drain(timeout=0.3)
    assert time.monotonic() - start < 5 and counts["waiting"] <= 1
    assert counts["came"] == 8 == counts["done"] + counts["dropped"] + counts["waiting"]
    release.set()
    assert line.drain()["waiting"] == 0
