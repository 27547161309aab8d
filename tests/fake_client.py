"""A client that answers by a function of the two prompts and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class FakeClient:
    def __init__(self, answer: Callable[[str, str], Any]):
        self.answer = answer
        self.asked: list[tuple[str, str]] = []
        self.usage = {"calls": 0, "input_tokens": 0, "output_tokens": 0, "seconds": 0.0}

    def call(self, system_prompt, user_message, temperature=None, max_tokens=4096):
        self.asked.append((system_prompt, user_message))
        self.usage["calls"] += 1
        answer = self.answer(system_prompt, user_message)
        if isinstance(answer, Exception):
            raise answer
        return answer


def answers(*replies: Any) -> Callable[[str, str], Any]:
    """A function that gives these replies one after the other."""
    left = list(replies)
    return lambda system, user: left.pop(0)
