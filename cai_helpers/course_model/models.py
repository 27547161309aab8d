"""The one table of models: who knows which id, and what each model accepts.

Sources: the vendors' model pages and migration guides as of November 2026. "sampling" says whether
temperature, top_p and top_k are taken ("yes"), only at their default ("default"), and on the OpenAI wire
also whether the old field max_tokens is taken. Dates marked None are not published or not checked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .shapes import WireError

MODEL_ID = "course-model-1"


class Model(NamedTuple):
    """One row. `thinking_off` False: {"type": "disabled"} is a 400; `forced_tools` False: so is a forced tool."""

    id: str
    vendor: str
    display_name: str
    created_at: str
    line: str | None = None
    lifecycle: str = "active"
    retires_at: str | None = None
    sampling: str = "default"
    prefill: bool = False
    thinking_off: bool = True
    forced_tools: bool = True
    max_tokens: int = 64_000


def _claude(ident: str, created: str, **more: Any) -> Model:
    title = "Claude " + ident[len("claude-") :].replace("-", " ", 1).title().replace("-", ".")
    return Model(ident, "anthropic", title, created + "T00:00:00Z", line=ident.split("-")[1], **more)


def _gpt(ident: str, created: str, **more: Any) -> Model:
    return Model(ident, "openai", ident, created + "T00:00:00Z", max_tokens=128_000, **more)


_ROWS = (
    Model(MODEL_ID, "both", "Course model 1 (offline)", "2026-11-01T00:00:00Z", sampling="yes"),
    _claude("claude-haiku-5-5", "2026-10-07"),
    _claude("claude-sonnet-5-5", "2026-09-15", thinking_off=False, forced_tools=False),
    _claude("claude-opus-5-5", "2026-09-15", thinking_off=False),
    _claude("claude-fable-5-2", "2026-09-15", thinking_off=False),
    _claude("claude-fable-5-1", "2026-06-15", thinking_off=False),
    _claude("claude-opus-5", "2026-05-15"),
    _claude("claude-sonnet-5", "2026-05-15"),
    _claude("claude-opus-4-8", "2026-04-15"),
    _claude("claude-opus-4-7", "2026-03-15"),
    _claude("claude-opus-4-6", "2026-02-05", sampling="yes"),
    _claude("claude-sonnet-4-6", "2026-02-17", sampling="yes"),
    _claude("claude-opus-4-5", "2025-11-24", sampling="yes", prefill=True),
    _claude("claude-sonnet-4-5", "2025-09-29", sampling="yes", prefill=True),
    _claude("claude-haiku-4-5", "2025-10-15", sampling="yes", prefill=True),
    Model(
        "claude-sonnet-4-20250514",
        "anthropic",
        "Claude Sonnet 4",
        "2025-05-14T00:00:00Z",
        "sonnet",
        "retired",
        "2026-06-15T00:00:00Z",
        "yes",
        True,
    ),
    _gpt("gpt-6-luna", "2026-08-01"),
    _gpt("gpt-6.1-terra", "2026-10-01"),
    _gpt("gpt-6.1-sol", "2026-10-01"),
    _gpt("gpt-4o", "2024-05-10", sampling="yes", retires_at="2027-01-14T00:00:00Z"),
    _gpt("gpt-4o-mini", "2024-07-16", sampling="yes", retires_at="2027-01-14T00:00:00Z"),
    _gpt("gpt-4.1", "2025-04-10", sampling="yes", retires_at="2027-01-14T00:00:00Z"),
    _gpt("gpt-4.1-mini", "2025-04-10", sampling="yes", retires_at="2027-01-14T00:00:00Z"),
)
_BY_ID = {row.id: row for row in _ROWS}


def listed(vendor: str, retired: bool = False) -> list[Model]:
    """The models that this vendor's list shows, newest first within the table's order."""
    return [row for row in _ROWS if row.vendor in (vendor, "both") and (retired or row.lifecycle != "retired")]


def known(ident: str, vendor: str) -> Model | None:
    """The table's row for this id on this vendor's wire (retired ones too), or None."""
    row = _BY_ID.get(ident)
    return row if row and row.vendor in (vendor, "both") else None


def find(ident: str, vendor: str) -> Model:
    """The row of a model that answers; an unknown or retired id raises the vendor's 404."""
    row = known(ident, vendor)
    if row is None or row.lifecycle == "retired":
        text = (
            f"model: {ident}"
            if vendor == "anthropic"
            else (f"The model `{ident}` does not exist or you do not have access to it.")
        )
        raise WireError(404, text, code="model_not_found" if vendor == "openai" else None)
    return row
