"""The switches on the wall: every property of the course model that a lesson can set, then measure."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from . import faults as fault_list

VERDICT_STYLES = ("auto", "numbered", "markdown", "labelled", "prose", "json", "first")
REVISERS = ("careful", "stubborn", "careless", "verbose")


def _switch(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Switches:
    """All switches with their defaults. A bad value raises ValueError with one sentence that says what fits."""

    seed: int = _switch(0, "Whole number; another seed gives other random choices, the same ones on each run.")
    verdict_style: str = _switch(
        "auto", "How the critic writes: auto follows the instruction; one of " + ", ".join(VERDICT_STYLES) + "."
    )
    critic_noise: float = _switch(
        0.3, "A verdict flips with probability critic_noise * temperature**3; no temperature sent counts as 0."
    )
    dilution: float = _switch(
        0.08, "With n principles in one prompt, each violation is missed with probability min(0.9, dilution * (n - 1))."
    )
    blind_spots: tuple[str, ...] = _switch((), "Families or library ids whose violations the critic never sees.")
    injectable: bool = _switch(True, "Whether orders to the critic that stand in un-fenced material are obeyed.")
    reviser: str = _switch("careful", "How well the reviser works: one of " + ", ".join(REVISERS) + ".")
    position_bias: float = _switch(0.0, "Probability that a comparison answers (A) whatever the two replies say.")
    system_prompt_effect: float = _switch(
        0.6, "Probability that a system prompt with safety rules turns an unsafe draft into a safe answer."
    )
    faults: tuple[Any, ...] = _switch(
        (),
        "What goes wrong, one item per HTTP request in order (None: nothing): "
        + ", ".join(fault_list.NAMES)
        + ", or a dict.",
    )
    fault_rates: Mapping[str, float] = _switch(None, "{fault name: probability per HTTP request}.")
    rate_limit: int | None = _switch(None, "More requests than this in flight at once get a 429.")
    latency: float | tuple[float, float] = _switch(0.0, "Seconds before each answer, or (low, high).")
    pace: float = _switch(0.0, "Seconds before each piece of a streamed answer.")
    sleep: Callable[[float], object] = _switch(  # noqa: RUF009 (a field like the others)
        time.sleep, "The function that waits; a test passes its own."
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "blind_spots", _names(self.blind_spots))
        object.__setattr__(self, "faults", _fault_items(self.faults))
        object.__setattr__(self, "fault_rates", _rates(self.fault_rates))
        object.__setattr__(self, "latency", _latency(self.latency))
        if isinstance(self.pace, bool) or not isinstance(self.pace, (int, float)) or not self.pace >= 0:
            raise ValueError(f"pace must be seconds (0 or more), not {self.pace!r}.")
        for name in ("critic_noise", "dilution", "position_bias", "system_prompt_effect"):
            _probability(name, getattr(self, name))
        _one_of("verdict_style", self.verdict_style, VERDICT_STYLES)
        _one_of("reviser", self.reviser, REVISERS)
        if not isinstance(self.seed, int) or isinstance(self.seed, bool):
            raise ValueError(f"seed must be a whole number, not {self.seed!r}.")
        if not isinstance(self.injectable, bool):
            raise ValueError(f"injectable must be True or False, not {self.injectable!r}.")
        limit = self.rate_limit
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
            raise ValueError(f"rate_limit must be None or a whole number from 1 up, not {limit!r}.")
        if not callable(self.sleep):
            raise ValueError("sleep must be a function that takes seconds.")


def make(values: Mapping[str, Any], base: Switches | None = None) -> Switches:
    """Switches from keyword values; an unknown name raises TypeError naming the known ones."""
    known = [item.name for item in fields(Switches)]
    for name in values:
        if name not in known:
            raise TypeError(f"The course model has no switch {name!r}; it has: {', '.join(known)}.")
    return replace(base or Switches(), **values)


def documentation() -> dict[str, tuple[Any, str]]:
    """{name: (default, one sentence)} for a lesson to print."""
    return {item.name: (getattr(Switches(), item.name), item.metadata["help"]) for item in fields(Switches)}


def _probability(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be a number from 0 to 1, not {value!r}.")


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")


def _names(value: Any) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else tuple(value or ())
    if not all(isinstance(item, str) for item in items):
        raise ValueError("blind_spots must be a list of family names or library ids.")
    return items


def _fault_items(value: Any) -> tuple[Any, ...]:
    items = (value,) if isinstance(value, (str, dict)) else tuple(value or ())
    for item in items:
        fault_list.check(item)
    return items


def _rates(value: Any) -> dict[str, float]:
    rates = dict(value or {})
    for name, rate in rates.items():
        fault_list.check(name)
        _probability(f"fault_rates[{name!r}]", rate)
    if sum(rates.values()) > 1:
        raise ValueError("The probabilities in fault_rates add up to more than 1; lower them.")
    return rates


def _latency(value: Any) -> Any:
    pair = isinstance(value, (tuple, list))
    numbers = tuple(value) if pair else (value,)
    good = all(isinstance(n, (int, float)) and not isinstance(n, bool) and n >= 0 for n in numbers)
    if not good or (pair and (len(numbers) != 2 or numbers[0] > numbers[1])):
        raise ValueError(f"latency must be seconds (0 or more) or a pair (low, high), not {value!r}.")
    return numbers if pair else value
