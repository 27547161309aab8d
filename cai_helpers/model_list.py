"""The models that a server lists, and which of them to take: never one of a dearer line.

Fields: https://platform.claude.com/docs/en/api/models (lifecycle, line, created_at, retires_at) and
https://developers.openai.com/api/reference/resources/models (created, shutdown_date). Other servers give ids only.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cai_helpers.client import read_json
from cai_helpers.errors import ADVICE, LLMError

if TYPE_CHECKING:
    from cai_helpers.client import Client
    from cai_helpers.wire import Backend

SHOWN = 30  # names of models in an error
NOTICE = timedelta(days=60)  # Anthropic's period between the announcement and the retirement of a model

UNKNOWN = re.compile(
    r"(?:invalid|unknown) model|model\b.*\b(?:not exist|not found|unknown)", re.IGNORECASE
)  # LiteLLM: a 400

Row = dict[str, Any]


def list_models(client: Client) -> list[Row]:
    """What the server lists, each with at least an "id". LLMError where it lists nothing."""
    response, failure = client.get(client.wire["models"])
    reply = read_json(response) or {}
    data = reply.get("data")
    rows = [row for row in data if isinstance(row, dict) and isinstance(row.get("id"), str)] if data else []
    if response is not None and response.status_code == 200 and rows:
        return rows
    if failure:
        raise LLMError(ADVICE[failure].format(url=client.base_url), type=failure)
    status = None if response is None else response.status_code
    reason = f"{client.base_url} does not say which models it has (HTTP {status})."
    raise LLMError(ADVICE["no_model"].format(reason=reason), type="no_model", status=status)


def name_models(client: Client, error: LLMError) -> None:
    """Add to the error for an unknown or retired model which ones the server lists, if it lists any."""
    unknown = error.type == "not_found_error" or (error.status == 400 and UNKNOWN.search(error.said))
    if not unknown:
        return
    try:
        rows = list_models(client)
    except LLMError:
        return
    if client.model not in [row["id"] for row in rows]:
        auto = ' connect(..., model="auto") takes the newest of the default model\'s line.'
        error.args = (f"{error} {listed(rows)}{auto}",)


def newest(rows: list[Row], line: str, today: date) -> Row | None:
    """The newest row of this line that is not retired, deprecated or shut down; None where there is none."""
    kept = [row for row in rows if line_of(row) == line and row.get("lifecycle") in (None, "active")]
    kept = [row for row in kept if not (end := ending(row)) or end > today]
    return max(kept, key=age, default=None)


def line_of(row: Row) -> str:
    """The line of a model, as the server says it. OpenAI's list has none: there it is the name after gpt-<number>-."""
    named = re.fullmatch(r"gpt-[\d.]+-([a-z]+)", row["id"])
    line = row.get("line") or (named[1] if named else "")
    return line if isinstance(line, str) else ""


def age(row: Row) -> tuple[float, str, list[int]]:
    """What orders models by age: the date of OpenAI's list, that of Anthropic's, and the numbers in the name."""
    created = row.get("created")
    seconds = float(created) if isinstance(created, (int, float)) else 0.0
    return seconds, str(row.get("created_at") or ""), [int(number) for number in re.findall(r"\d+", row["id"])]


def ending(row: Row) -> date | None:
    """The day on which a model goes, if the server says one."""
    try:
        return date.fromisoformat(str(row.get("retires_at") or row.get("shutdown_date"))[:10])
    except ValueError:
        return None


def choose(client: Client, backend: Backend, wanted: str, today: date | None = None) -> tuple[str, str]:
    """The model for model="auto", and the sentence that says why.

    wanted: the model whose line counts; with none, the backend's default. LLMError where the line has no model left.
    """
    today = today or date.today()
    rows = list_models(client)
    by_name = {row["id"]: row for row in rows}
    wanted = wanted or backend["model"]
    line = backend["line"] if wanted == backend["model"] else line_of(by_name.get(wanted) or look_up(client, wanted))
    found = newest(rows, line, today) if line else None
    if found is not None:
        return found["id"], said(found, f'the newest of the line "{line}"', wanted, backend, today)
    if wanted in by_name and not line_of(by_name[wanted]):
        return wanted, said(by_name[wanted], "the model that is asked for, which the server lists", "", backend, today)
    if not backend["prices"] and not wanted:
        return rows[0]["id"], said(rows[0], "the first that the server lists", "", backend, today)
    line = line or "of " + wanted
    reason = f'No model of the line "{line}" is listed, and a dearer line is never taken unasked. '
    raise LLMError(ADVICE["no_model"].format(reason=reason + listed(rows)), type="no_model", status=200)


def look_up(client: Client, model: str) -> Row:
    """What the server says about one model, also a retired one; only its id where it says nothing."""
    response, _ = client.get(f"{client.wire['models'].partition('?')[0]}/{quote(model, safe='')}")
    reply = read_json(response) or {}
    return reply if reply.get("id") == model else {"id": model}


def said(row: Row, why: str, wanted: str, backend: Backend, today: date) -> str:
    """The sentence on a choice: what, why, what it may cost, and when it goes."""
    sentence = f'model="auto" took {row["id"]}: {why}.'
    if wanted and row["id"] != wanted:
        sentence += f" Its price may differ from that of {wanted}."
    sentence += f" Prices: {backend['prices']}." if backend["prices"] else " What a call costs depends on the server."
    end = ending(row)
    return sentence + (f" It goes on {end}." if end and end - today <= NOTICE else "")


def listed(rows: list[Row]) -> str:
    """The names of these models in a sentence, the first 30."""
    names = [row["id"] for row in rows]
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"The server lists: {', '.join(names[:SHOWN])}{more}."
