"""The buttons beside a verdict: the same functions as in text, without typing. Needs ipywidgets and a live kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import shelter

if TYPE_CHECKING:
    from cai_helpers.widgets import View


def exercise_buttons(exercise_id: str, text: str) -> View | None:
    """The text with the buttons Check again, Hint, Solution and Progress; None where no widget can be shown."""
    if getattr(shelter.shell(), "kernel", None) is None:
        return None
    from cai_helpers.widgets import View

    view = View(lambda: text, lambda w: _build(w, exercise_id, text))
    return view if view.widget is not None else None


def _build(w: Any, exercise_id: str, text: str) -> Any:
    from cai_helpers.widgets import careful, escape

    from .hints import hint, solution
    from .instant import check
    from .progress_file import progress

    shown = w.HTML(layout=w.Layout(width="100%"))

    def say(words: str) -> None:
        # role="status": a screen reader reads the new text without moving there.
        style = "white-space: pre-wrap; font-family: inherit; margin: 0"
        shown.value = f'<pre role="status" style="{style}">{escape(words)}</pre>'

    def button(label: str, words: Callable[[], str]) -> Any:
        made = w.Button(description=label, layout=w.Layout(width="auto"))
        made.on_click(careful(lambda: say(str(words())), say))
        return made

    say(text)
    row = [
        button("Check again", lambda: check(exercise_id)),
        button("Hint", lambda: hint(exercise_id)),
        button("Solution", lambda: solution(exercise_id, show=True)),
        button("Progress", lambda: progress()),
    ]
    return w.VBox([shown, w.HBox(row, layout=w.Layout(flex_flow="row wrap"))])
