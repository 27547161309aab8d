"""Chapter 03: the generator writes a draft. It is told to be helpful and nothing else: the constitution comes later."""

from __future__ import annotations

from cai_helpers.client import call_llm

GENERATOR_PROMPT = "You are a helpful assistant. Answer the user's question directly and fully."


def generate(user_prompt: str) -> str:
    """An unchecked draft. ValueError for an empty prompt, LLMError where the model gives no answer."""
    return call_llm(GENERATOR_PROMPT, check_prompt(user_prompt))


def check_prompt(user_prompt: str) -> str:
    """The prompt itself; ValueError where it is empty or no text."""
    if not isinstance(user_prompt, str) or not user_prompt.strip():
        raise ValueError("The prompt is empty. Write what the user asks.")
    return user_prompt


def sample(user_prompt: str, n: int, temperature: float | None = 1.0) -> list[str]:
    """n drafts for one prompt, in the order they came. A model that takes no temperature samples at its own."""
    check_prompt(user_prompt)
    return [call_llm(GENERATOR_PROMPT, user_prompt, temperature) for _ in range(n)]
