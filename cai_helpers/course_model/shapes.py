"""The neutral shapes that pass between the two wire formats and the model: Ask in, Reply out.

Nothing here knows a vendor. `wire_anthropic` and `wire_openai` turn their JSON into an Ask and a Reply
into their JSON; `brain` sees only these shapes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Turn(NamedTuple):
    """One turn of the conversation: role "user" or "assistant", and its text."""

    role: str
    text: str


@dataclass(frozen=True)
class Ask:
    """What a client asked, without the wire's own dress. `temperature` is None when none was sent."""

    model: str
    system: str
    turns: tuple[Turn, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    json_mode: bool = False
    choices: int = 1
    top_logprobs: int | None = None
    thinking: bool = False
    prefill: str = ""
    stream: bool = False
    stream_usage: bool = False


@dataclass
class Reply:
    """The model's answer. `stop` is "end", "length", "stop_sequence" or "refusal".

    `thinking` is the text of a thinking block to send first, or None. `split` asks the wire to send the
    text as two blocks. `odds` holds {first token: probability} where the answer was a choice (A)/(B).
    """

    text: str
    stop: str = "end"
    stop_sequence: str | None = None
    thinking: str | None = None
    split: bool = False
    odds: dict[str, float] = field(default_factory=dict)


@dataclass
class WireResponse:
    """An HTTP response. With `cut`, the connection breaks before any byte of it arrives.

    A streamed answer has `events`, the server-sent events one by one: a door sends them in chunked coding, with
    `pace` seconds before each. `body` is the same in one piece. With `cut`, the connection breaks after the last.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False
    events: list[bytes] | None = None
    pace: float = 0.0


class WireError(Exception):
    """A request that gets an error response. `kind` is the vendor-neutral name: the HTTP status as text,
    or one of the special faults ("429-spend"); `details` go into the error object as they are."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind or str(status)
        self.param, self.code, self.headers = param, code, dict(headers or {})


def count_tokens(text: str) -> int:
    """Tokens in `text` by the course model's own rule: one per four characters, rounded up."""
    return -(-len(text) // 4)
