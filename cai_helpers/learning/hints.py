"""hint("04.2"): one step further each time. solution("04.2"): after success, or after all hints on demand."""

from __future__ import annotations

from . import progress_file
from .asides import Sentence
from .exercises import ExerciseError, find_exercise


def hint(exercise_id: str) -> Sentence:
    """The hints seen so far and the next one. They stay there after success, and cost nothing."""
    try:
        exercise = find_exercise(exercise_id)
    except ExerciseError as error:
        return Sentence(error)
    total = len(exercise.hints)
    seen = min(total, progress_file.shown_hints(exercise.id) + 1)
    note = progress_file.record(exercise.id, hints=seen)
    lines = [f"Hint {number} of {total}: {text}" for number, text in enumerate(exercise.hints[:seen], 1)]
    return Sentence("\n".join([*lines, *filter(None, [note])]))


def solution(exercise_id: str, *, show: bool = False) -> Sentence:
    """A solution and its explanation: after a correct answer, or with show=True once all hints were seen."""
    try:
        exercise = find_exercise(exercise_id)
    except ExerciseError as error:
        return Sentence(error)
    seen, total = progress_file.shown_hints(exercise.id), len(exercise.hints)
    if progress_file.solved(exercise.id) or (show and seen >= total):
        return Sentence(f"One solution of {exercise.id}:\n\n{exercise.solution}\n\n{exercise.explanation}")
    if seen < total:
        return Sentence(
            f"The solution of {exercise.id} opens after a correct answer, or after all hints: you have seen "
            f'{seen} of {total}. hint("{exercise.id}") shows the next one.'
        )
    return Sentence(
        f'You have seen all hints of {exercise.id}. Try once more, or run solution("{exercise.id}", show=True).'
    )
