"""rerecord: lessons run on a model into a recording, and the report of what changed since the last one."""

from __future__ import annotations

import json

import pytest
from scripted_server import answer, chat_answer, serving

from cai_helpers import LLMError, call_llm, client, connect
from cai_helpers.__main__ import main
from cai_helpers.course_model.server import serve
from cai_helpers.recording_file import load
from cai_helpers.rerecord import changes, report

KEY = "sk-test-4f9a77c1e2b35d60"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in ("CAI_BACKEND", "CAI_MODEL", "CAI_BASE_URL", "CAI_RECORD", "ANTHROPIC_API_KEY", "COMPATIBLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(client, "_current", None)


@pytest.fixture
def course(small_course, monkeypatch):
    """A course whose lesson asks two questions with connect(), one of the course model by name, and fails once."""
    monkeypatch.setattr("cai_helpers.learning.manifest.find_root", lambda: small_course)
    sources = [
        "from cai_helpers import call_llm, connect\nconnect()",
        "call_llm('', 'How do I bake bread?')",
        "call_llm('', 'How do I bake bread?')",
        "connect('course', latency=0)\ncall_llm('', 'This is not recorded.')",
        "1 / 0",
    ]
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": s, "outputs": [], "execution_count": None}
        for n, s in enumerate(sources)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (small_course / "notebooks" / "00_start.ipynb").write_text(json.dumps(notebook), "utf-8")
    return small_course


def test_lessons_are_recorded_and_compared_by_date(course, capsys, monkeypatch):
    path = course / "class.jsonl"
    assert main(["rerecord", str(path), "00", "--backend", "course"]) == 1
    said = capsys.readouterr().out
    assert "00_start.ipynb, cell 'c4' failed: ZeroDivisionError" in said and "class.jsonl: 20" in said
    first = load(path)
    assert [exchange["occurrence"] for exchange in first["exchanges"]] == [0, 1]
    assert "not recorded" not in path.read_text("utf-8")
    with serve() as server:
        monkeypatch.setenv("CAI_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        assert main(["rerecord", str(path), "00", "--backend", "anthropic", "--model", "course-model-1"]) == 1
    said = capsys.readouterr().out
    day = first["headers"][0]["date"]
    assert f"Compared with {day}, course-model-1: 2 exchanges" in said
    assert [line.split()[-1] for line in said.splitlines() if line.startswith("  ")] == list("200000")
    assert load(course / f"class.{day}.jsonl") == first and not (course / "class.new.jsonl").exists()
    assert not [f for f in course.rglob("*") if f.is_file() and KEY.encode() in f.read_bytes()]


def recording(path, *script, backend="anthropic", questions=("One?",), **options):
    with serving(*script) as server:
        connect(backend, api_key=KEY, base_url=server.url, record=path, **options)
        for question in questions:
            try:
                call_llm("s", question)
            except LLMError:
                pass
    return load(path)


def said(text, **fields):
    return answer({"type": "text", "text": text}, **fields)


def test_each_kind_of_change_is_counted(tmp_path):
    old = [said("Bread."), said("Salt."), said("Verdict: VIOLATED"), said("Yes."), said("Gone.")]
    new = [said("Bread."), said("Sugar."), said("Verdict: NOT VIOLATED"), answer(stop_reason="refusal"), said("New.")]
    questions = ["a", "b", "c", "d"]
    before = recording(tmp_path / "old.jsonl", *old, questions=[*questions, "e"], model="claude-haiku-4-5")
    after = recording(tmp_path / "new.jsonl", *new, questions=[*questions, "f"])
    counts, examples = changes(before, after)
    assert set(counts.values()) == {1} and len(counts) == 6
    assert examples == [
        'other ending: usable, now refusal: "d"',
        'other verdict: VIOLATED, now NOT VIOLATED: "c"',
    ]
    lines = report("new.jsonl", before, after)
    assert "claude-haiku-5-5: 5 exchanges, 35 tokens in, 15 out." in lines[0]
    assert lines[1].startswith("Compared with 20") and "claude-haiku-4-5" in lines[1]


def test_long_lists_of_changes_are_cut(tmp_path):
    questions = [f"{'why ' * 40}{n}?" for n in range(14)]
    before = recording(tmp_path / "old.jsonl", *[said("Verdict: VIOLATED")] * 14, questions=questions)
    after = recording(tmp_path / "new.jsonl", *[said("Verdict: NOT VIOLATED")] * 14, questions=questions)
    lines = report("new.jsonl", before, after)
    assert lines[-1] == "  and 4 more" and max(map(len, lines)) < 200


def test_a_first_recording_is_compared_with_nothing(tmp_path):
    after = recording(tmp_path / "new.jsonl", chat_answer(), backend="openai")
    (line,) = report("new.jsonl", load(tmp_path / "none.jsonl"), after)
    assert "gpt-6-luna: 1 exchanges, 7 tokens in, 3 out." in line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--backend", "anthropic"], "There is no API key"),
        (["--backend", "none"], 'There is no backend "none"'),
        (["77", "--backend", "course"], "There is no chapter '77'"),
    ],
)
def test_wrong_use_is_one_sentence(course, capsys, arguments, sentence):
    assert main(["rerecord", str(course / "class.jsonl"), *arguments]) == 2
    assert capsys.readouterr().err.startswith(sentence)
