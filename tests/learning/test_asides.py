"""Predictions and checks say in words how it stands."""

from __future__ import annotations

import pytest

from cai_helpers.learning import predicted, report


@pytest.mark.parametrize(
    ("guess", "measured", "words"),
    [
        (None, 12, "Measured: 12. Write your prediction"),
        (12, 12, "As predicted."),
        (7, 12, "Not as predicted"),
        (" Yes", "yes", "As predicted."),
        (0, 0, "As predicted."),
    ],
)
def test_a_prediction_beside_the_measurement(guess, measured, words):
    assert words in predicted(guess, measured)
    assert repr(predicted(guess, measured)) == str(predicted(guess, measured))


def test_checks_are_counted_and_only_true_is_ok(capsys):
    report({"it joins": True, "it retries": False, "it forgot to return": None, "it gave a text": "yes"})
    assert capsys.readouterr().out.splitlines() == [
        "ok       it joins",
        "FAILS    it retries",
        "FAILS    it forgot to return",
        "FAILS    it gave a text",
        "1 of 4 checks pass.",
    ]
