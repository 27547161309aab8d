"""hint() and solution(): one step further each time, and what opens the solution."""

from __future__ import annotations

from pathlib import Path

import pytest

from cai_helpers.learning import exercises, hint, progress_file, solution
from tests.learning.sample_course import write_sample


@pytest.fixture(autouse=True)
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sample(tmp_path)
    monkeypatch.setenv("CAI_EXERCISES", str(exercises.data_folder(tmp_path)))
    monkeypatch.setenv("CAI_PROGRESS", str(tmp_path / "progress.json"))


def test_one_hint_further_each_time_and_none_is_lost() -> None:
    shown = [repr(hint("90.1")) for _ in range(5)]
    assert [len(text.splitlines()) for text in shown] == [1, 2, 3, 3, 3]
    assert [line.split(":")[0] for line in shown[2].splitlines()] == [f"Hint {n} of 3" for n in (1, 2, 3)]
    assert shown[3] == shown[2] and shown[2].startswith(shown[0])


def test_hints_stay_and_go_on_after_success() -> None:
    hint("90.1")
    progress_file.record("90.1", "correct")
    assert len(hint("90.1").splitlines()) == 2
    assert progress_file.solved("90.1")


def test_solution_opens_after_success() -> None:
    assert "after a correct answer" in solution("90.1")
    progress_file.record("90.1", "correct")
    assert "words.startswith" in solution("90.1") and "###" not in solution("90.1")


def test_solution_opens_after_all_hints_and_an_explicit_wish() -> None:
    hint("90.2")
    assert "you have seen 1 of 3" in solution("90.2", show=True)
    hint("90.2"), hint("90.2")
    assert 'solution("90.2", show=True)' in solution("90.2") and "append" not in solution("90.2")
    assert "result.append(name)" in solution("90.2", show=True)


def test_unknown_exercise_is_one_sentence() -> None:
    assert hint("1.1").startswith("There is no exercise '1.1'.") and solution("x").startswith("There is no exercise")
