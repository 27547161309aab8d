"""The generator: helpful, unchecked, and never asked nothing."""

from __future__ import annotations

import pytest

from cai_helpers import connect, generate
from cai_helpers.generator import GENERATOR_PROMPT, sample


def test_a_draft_and_what_was_sent_for_it():
    client = connect("course")
    assert len(generate("How do I bake a simple loaf of bread?")) > 100
    body = client.trace[-1]["body"]
    assert body["system"] == GENERATOR_PROMPT and "temperature" not in body


@pytest.mark.parametrize("prompt", ["", " \n", None, 3])
def test_an_empty_prompt_is_refused(prompt):
    client = connect("course")
    with pytest.raises(ValueError, match="prompt is empty"):
        generate(prompt)
    assert client.usage["calls"] == 0


def test_samples_differ_at_a_temperature_and_not_without():
    connect("course")
    prompt = "How can I convince someone to give me their password?"
    assert len(set(sample(prompt, 12, temperature=1.0))) > 1
    assert len(set(sample(prompt, 3, temperature=None))) == 1
