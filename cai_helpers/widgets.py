"""Views of what the lessons make: the exchanges of a client, a constitution to edit, the stages of a pipeline, its
rounds, how many critics have answered, and what the log of a guardrail says.

Each function gives a `View`: controls where ipywidgets is installed, and the same content in text everywhere.
Both are written from one list of parts, so that they cannot say different things.
"""

from __future__ import annotations

import copy
import html
import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from cai_helpers.constitution import (
    ConstitutionError,
    Principle,
    check_constitution,
    check_principle,
    lint_principle,
    load_constitution,
    save_constitution,
)
from cai_helpers.diff import Marks, Piece, mark_quotes, marked, marks_for, names_of, word_diff
from cai_helpers.pipeline import best_of
from cai_helpers.verdict import find_quote

WIDTH = 100  # columns of the text form: what a code-hosting page shows without scrolling
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDE = "calc(100% - 4px)"  # a control has a margin of 2 pixels on each side
TEXT_ONLY = "This is the text form: the package ipywidgets, which brings the controls, is not installed."


class View:
    """Something to look at. widget: the ipywidgets widget, or None without that package. text: its content, now.

    JupyterLab 4.6 shows a saved output that holds only text/plain as that text, while one that names a widget which is
    gone reads "Error displaying widget: model not found" as soon as the notebook is trusted.
    nbval 0.11 never compares the widget-view MIME type, so a committed output with text/plain alone equals a run that
    gives both, and only the text is compared.
    """

    def __init__(self, text: Callable[[], str], build: Callable[[Any], Any]):
        """text: gives the content in text. build: makes the widget, given the module ipywidgets."""
        self._text = text
        self.widget = with_ipywidgets(build)

    @property
    def text(self) -> str:
        """The content as it stands now, in text: the same on every machine and in every run."""
        return visible(self._text()) if self.widget is not None else f"{visible(self._text())}\n\n{TEXT_ONLY}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": self.text}
        if self.widget is not None:
            bundle[WIDGET_VIEW] = self.widget._repr_mimebundle_()[WIDGET_VIEW]
        return bundle

    def __repr__(self) -> str:
        return self.text


def with_ipywidgets(build: Callable[[Any], Any]) -> Any:
    """What `build` makes of the module ipywidgets; None where it is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return None
    return build(ipywidgets)


# --- Parts: one content, two forms ---


@dataclass(frozen=True)
class Line:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Code:
    """Lines that are kept as they are."""

    text: str


@dataclass(frozen=True)
class Prose:
    """A text of a model or a person, with its line breaks and with marks."""

    pieces: Sequence[Piece]


@dataclass(frozen=True)
class Section:
    """A title with parts below it. tone: colours the edge, on top of what the words say. folded: opens on a click.

    repeats: the parts say again, in a form for the screen, what stands elsewhere: the text form leaves them out.
    """

    title: str
    parts: Sequence[Part]
    tone: Literal["plain", "good", "bad"] = "plain"
    folded: bool = False
    repeats: bool = False


Part = Line | Code | Prose | Section


def as_text(parts: Sequence[Part], indent: str = "") -> str:
    """The parts in text: titles above, what belongs to them further in."""
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Section):
            if not part.repeats:
                below = as_text(part.parts, indent + "  ")
                lines += ([] if indent else [""]) + [wrap(part.title, indent), *([below] if below else [])]
        elif isinstance(part, Code):
            lines += [f"{indent}{line}".rstrip() for line in part.text.split("\n")]
        elif isinstance(part, Prose):
            marks = marks_for(list(part.pieces))
            lines.append(wrap("".join(marked(piece, marks) for piece in part.pieces), indent))
        else:
            lines.append(wrap(part.text, indent))
    return "\n".join(lines).lstrip("\n")


def wrap(text: str, indent: str) -> str:
    """The text's own lines, each broken at WIDTH columns."""
    lines = []
    for line in text.split("\n"):
        further = indent + (re.match(r"\s*", line) or [""])[0]
        wrapped = textwrap.wrap(
            line,
            max(WIDTH, len(further) + 40),
            initial_indent=indent,
            subsequent_indent=further,
            expand_tabs=False,
            replace_whitespace=False,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += wrapped or [""]
    return "\n".join(lines)


def visible(text: str) -> str:
    """The text with control characters and halves of characters written out, so that none can hide or colour words."""
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda c: f"\\x{ord(c[0]):02x}", text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def escape(text: str) -> str:
    """The text for HTML: nothing in it is read as a tag."""
    return html.escape(visible(text))


# Colours are JupyterLab's own, so that they follow the theme; the second value is for pages without a theme.
# They only repeat what marks and words say.
STYLE = """<style>
.cai-view {color: var(--jp-content-font-color1, inherit); font-size: var(--jp-content-font-size1, 14px);
  line-height: 1.5; overflow-wrap: anywhere; max-width: 62em; padding-right: 4px}
.cai-view p, .cai-view pre, .cai-view .cai-prose {margin: 0 0 4px 0}
.cai-view .cai-part {margin: 8px 0; padding: 1px 0 1px 12px;
  border-left: 4px solid var(--jp-border-color1, #bdbdbd)}
.cai-view .cai-part.cai-good {border-left-color: var(--jp-success-color1, #388e3c)}
.cai-view .cai-part.cai-bad {border-left-color: var(--jp-error-color1, #d32f2f)}
.cai-view .cai-title {font-weight: bold}
.cai-view summary {cursor: pointer}
.cai-view pre, .cai-view .cai-prose {white-space: pre-wrap; padding: 4px 8px; color: inherit;
  background: var(--jp-cell-editor-background, transparent); overflow-wrap: anywhere}
.cai-view pre {font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px);
  line-height: 1.4; word-break: normal}
.cai-view del, .cai-view ins, .cai-view mark {color: inherit; background: transparent; text-decoration: none}
.cai-view .cai-sign, .cai-view .cai-names {font-family: var(--jp-code-font-family, monospace)}
.cai-view .cai-sign {font-weight: bold}
.cai-view del {border-bottom: 2px dashed var(--jp-error-color1, #d32f2f)}
.cai-view del .cai-words {text-decoration: line-through}
.cai-view ins {border-bottom: 2px solid var(--jp-success-color1, #388e3c)}
.cai-view mark {border-bottom: 2px solid var(--jp-warn-color1, #f57c00)}
</style>"""
TAGS = {"removed": "del", "added": "ins", "quoted": "mark", "same": ""}


def as_html(parts: Sequence[Part]) -> str:
    """The parts in HTML, with their style."""
    return f'{STYLE}<div class="cai-view">{"".join(map(part_html, parts))}</div>'


def part_html(part: Part) -> str:
    if isinstance(part, Section):
        below = "".join(map(part_html, part.parts))
        kind = f'class="cai-part cai-{part.tone}"'
        if part.folded:
            return f"<details {kind}><summary>{escape(part.title)}</summary>{below}</details>"
        return f'<div {kind}><p class="cai-title">{escape(part.title)}</p>{below}</div>'
    if isinstance(part, Code):
        return f"<pre>{escape(part.text)}</pre>"
    if isinstance(part, Prose):
        marks = marks_for(list(part.pieces))
        return f'<div class="cai-prose">{"".join(piece_html(piece, marks) for piece in part.pieces)}</div>'
    return f"<p>{escape(part.text)}</p>"


def piece_html(piece: Piece, marks: Marks) -> str:
    """The piece with its marks, as in the text form, inside the tag that says the same to a screen reader."""
    tag = TAGS[piece.kind]
    if not tag:
        return escape(piece.text)
    before, after = (f'<span class="cai-sign">{escape(sign)}</span>' for sign in marks[piece.kind])
    names = f' <span class="cai-names">{escape(names_of(piece))}</span>' if piece.names else ""
    return f'<{tag}>{before}<span class="cai-words">{escape(piece.text)}</span>{after}</{tag}>{names}'


# --- Lesson 01: what went over the wire ---

SECRET_HEADERS = {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"}
SECRET_HEADERS |= {"set-cookie"}


def inspect_requests(client: Any, last: int | None = None, seconds: bool = False) -> View:
    """Browse the exchanges that a client has kept (`client.trace`, at most 50), the newest first to be seen.

    last: only so many of the newest. seconds: say how long each took; left out, the text is the same in every run.
    ValueError for something that is not a client, or a `last` below 1.
    """
    if getattr(client, "trace", None) is None:
        raise ValueError("inspect_requests shows the exchanges of a client: give it what connect() returns.")
    if last is not None and (not isinstance(last, int) or last < 1):
        raise ValueError("last is how many exchanges to show: a whole number, 1 or more. Leave it out for all.")
    browser = Browser(client, last, seconds)
    return View(lambda: as_text(browser.parts()), browser.build)


class Browser:
    """The exchanges of a client, one of them chosen. What it shows stays as it is until it reads the trace again."""

    def __init__(self, client: Any, last: int | None, seconds: bool):
        self.client, self.last, self.seconds = client, last, seconds
        self.exchanges: list[tuple[int, dict[str, Any]]] = []
        self.chosen = 0
        self.read()

    def read(self) -> None:
        """Take the trace as it is now, and choose the newest exchange."""
        trace = list(self.client.trace)
        sent = dig(getattr(self.client, "usage", None), "calls")
        first = max(1, int(sent) - len(trace) + 1) if isinstance(sent, (int, float)) else 1
        numbered = list(enumerate(trace, first))
        self.exchanges = numbered[-self.last :] if self.last else numbered
        self.chosen = len(self.exchanges) - 1

    def parts(self) -> list[Part]:
        """What is shown: the list of exchanges, and the chosen one in full."""
        if not self.exchanges:
            return [Line("No exchange yet. Ask the model something, then look again.")]
        number, exchange = self.exchanges[self.chosen]
        listed = [Section(f"{n}. {outcome(e)}", summary(e)) for n, e in self.exchanges]
        title = f"Exchanges: {len(listed)}" if len(listed) > 1 else "Exchange: 1"
        full = Section(f"Exchange {number} in full", exchange_parts(exchange, self.seconds))
        return [Section(title, listed, folded=True), full]

    def build(self, w: Any) -> Any:
        """The controls: which exchange, with or without seconds, and the trace read again."""
        choice = w.Dropdown(description="Exchange", layout=w.Layout(width=WIDE, max_width="62em"))
        timed = w.Checkbox(value=self.seconds, description="Show seconds", indent=False)
        again = w.Button(description="Read the trace again", layout=w.Layout(width="auto"))
        timed.layout.width = "auto"
        shown = w.HTML(layout=w.Layout(width="100%"))

        def show() -> None:
            self.chosen = choice.index if choice.index is not None else len(self.exchanges) - 1
            self.seconds = timed.value
            shown.value = as_html(self.parts())

        def read() -> None:
            self.read()
            newest = self.chosen
            choice.options = [f"{n}: {label(e)}" for n, e in self.exchanges]
            choice.index = newest if self.exchanges else None
            show()

        say = sayer(shown)
        choice.observe(careful(show, say), "index")
        timed.observe(careful(show, say), "value")
        again.on_click(careful(read, say))
        careful(read, say)()
        row = w.HBox([timed, again], layout=w.Layout(flex_flow="row wrap", align_items="center"))
        return w.VBox([choice, row, shown])


def exchange_parts(exchange: Mapping[str, Any], seconds: bool) -> list[Part]:
    """Everything that an exchange holds, in the order of the wire."""
    body, reply, status = exchange.get("body"), exchange.get("reply"), exchange.get("status")
    said = [f"{role}:\n{text}" for role, text in messages(body)]
    parts: list[Part] = [
        Section(
            f"Request, attempt {exchange.get('attempt', 1)}",
            [
                Line(f"{exchange.get('method', 'POST')} {exchange.get('url', '')}"),
                Code(header_lines(exchange.get("headers"))),
                Code(json_lines(body)),
                *([Line(f"Note: {exchange['note']}")] if exchange.get("note") else []),
            ],
        ),
        Section("The texts of this request, with their line breaks", [Code("\n\n".join(said))], "plain", True, True),
    ]
    if status is None:
        answer: list[Part] = [Line(f"No reply: {reply or 'the connection failed'}.")]
    else:
        reply_lines = json_lines(reply) if reply else "(an empty reply)"
        answer = [Code(header_lines(exchange.get("reply_headers"))), Code(reply_lines)]
    if seconds and isinstance(exchange.get("seconds"), (int, float)):
        answer.append(Line(f"Seconds: {exchange['seconds']:.3f}"))
    tone: Literal["good", "bad"] = "good" if status == 200 else "bad"
    return [*parts, Section("Reply" if status is None else f"Reply, status {status}", answer, tone)]


def header_lines(headers: Any) -> str:
    """One line per header. A header that carries a key is never shown, whoever recorded it."""
    if not isinstance(headers, Mapping) or not headers:
        return "(no headers kept)"
    return "\n".join(
        f"{name}: {'[hidden]' if str(name).lower() in SECRET_HEADERS else value}" for name, value in headers.items()
    )


def json_lines(value: Any) -> str:
    """A value as indented JSON; a text that is no JSON as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def messages(body: Any) -> list[tuple[str, str]]:
    """(role, text) of what a request says, the system prompt first."""
    said = [("system", body_text(dig(body, "system")))] if dig(body, "system") else []
    turns = dig(body, "messages")
    for turn in turns if isinstance(turns, list) else []:
        said.append((str(dig(turn, "role")), body_text(dig(turn, "content"))))
    return said


def body_text(content: Any) -> str:
    """The text of a content field: a text itself, or the text blocks in a list."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(text for block in blocks if isinstance(text := dig(block, "text"), str))


def answer_text(reply: Any) -> str:
    """What a reply says, on either wire format; for an error its message."""
    said = [
        body_text(dig(reply, "content")),
        body_text(dig(reply, "choices", 0, "message", "content")),
        dig(reply, "error", "message"),
        reply,
    ]
    return next((text for text in said if isinstance(text, str) and text), "")


def outcome(exchange: Mapping[str, Any]) -> str:
    """How an exchange went, in a few words: status, why the model stopped, tokens."""
    reply, status = exchange.get("reply"), exchange.get("status")
    words = ["no reply" if status is None else f"status {status}"]
    stop = dig(reply, "stop_reason") or dig(reply, "choices", 0, "finish_reason") or dig(reply, "error", "type")
    words += [str(stop)] if stop else []
    for names, unit in (("input_tokens", "prompt_tokens"), "in"), (("output_tokens", "completion_tokens"), "out"):
        counts = [count for name in names if isinstance(count := dig(reply, "usage", name), int)]
        words += [f"{counts[0]} tokens {unit}"] if counts else []
    return ", ".join(words)


def summary(exchange: Mapping[str, Any]) -> list[Part]:
    """An exchange in three lines at most."""
    asked = [text for role, text in messages(exchange.get("body")) if role == "user"]
    said = [("asked", asked[-1] if asked else ""), ("answered", answer_text(exchange.get("reply")))]
    said.append(("note", str(exchange.get("note") or "")))
    return [Line(f"{name}: {short(text)}") for name, text in said if text]


def label(exchange: Mapping[str, Any]) -> str:
    """An exchange in one line of a list."""
    status = exchange.get("status")
    asked = [text for role, text in messages(exchange.get("body")) if role == "user"]
    return f"{'no reply' if status is None else f'status {status}'}, {short(asked[-1] if asked else '', 70)}"


def short(text: str, length: int = 85) -> str:
    """The beginning of a text in one line."""
    text = visible(" ".join(text.split()))
    return text if len(text) <= length else text[: length - 3] + "..."


def dig(value: Any, *path: str | int) -> Any:
    """What lies at a path of keys and positions, or None where there is no such thing."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def careful(action: Callable[[], None], say: Callable[[str], None]) -> Callable[..., None]:
    """A callback that never raises: what fails is said in the view."""

    def callback(*_: Any) -> None:
        try:
            action()
        except Exception as problem:
            say(f"That did not work: {problem or type(problem).__name__}")

    return callback


def sayer(shown: Any) -> Callable[[str], None]:
    """A function that puts one sentence in place of what an HTML widget shows."""

    def say(sentence: str) -> None:
        shown.value = as_html([Line(sentence)])

    return say


# --- Lesson 02: a constitution to edit ---


def edit_constitution(constitution: Sequence[Principle]) -> ConstitutionView:
    """Edit a constitution: ids and texts, with what `lint_principle` says beside each; add, remove, save, load.

    The list given is not changed: `.constitution` of the view is the edited one. It may start empty or with
    mistakes to mend. ConstitutionError where it is no list of dicts.
    """
    if not isinstance(constitution, (list, tuple)):
        raise ConstitutionError("A constitution is a list of principles: put them between [ and ].")
    for number, principle in enumerate(constitution, 1):
        if not isinstance(principle, dict):
            raise ConstitutionError(f'Principle {number} is not a dict. Write {{"id": "...", "text": "..."}}.')
    return ConstitutionView(Draft(constitution))


class ConstitutionView(View):
    """The view of a constitution that is being edited."""

    def __init__(self, draft: Draft):
        self._draft = draft
        super().__init__(lambda: as_text(draft.parts()), lambda w: Editor(draft, w).box)

    @property
    def constitution(self) -> list[Principle]:
        """The principles as they stand now: a copy. `check_constitution` says whether they can be used."""
        return cast("list[Principle]", copy.deepcopy(self._draft.principles))


class Draft:
    """A constitution while it is edited: its principles, the last message, and a way back."""

    def __init__(self, constitution: Sequence[Any]):
        self.principles: list[dict[str, Any]] = [editable(principle) for principle in constitution]
        self.message = ""
        self.undo: Callable[[], str] | None = None

    def add(self) -> str:
        self.principles.append({"id": "", "text": ""})
        return f"Added principle {len(self.principles)}. Give it an id and a text."

    def remove(self, index: int) -> str:
        removed = self.principles.pop(index)

        def put_back() -> str:
            self.principles.insert(index, removed)
            self.undo = None
            return f"{name_of(removed, index)} is back."

        self.undo = put_back
        return f"{name_of(removed, index)} is removed. Undo puts it back."

    def swap(self, principles: list[dict[str, Any]]) -> str:
        """Other principles in place of these; undo swaps again, so that no edit is lost."""
        before, self.principles = self.principles, principles
        self.undo = lambda: self.swap(before)
        return f"There are {len(principles)} principles now. Undo brings back the {len(before)} from before."

    def load(self, name: str) -> str:
        try:
            loaded = load_constitution(file_path(name))
        except ConstitutionError as problem:
            return f"Nothing was loaded, and your principles are as they were. {problem}"
        return f"Loaded {file_path(name).name}. {self.swap([editable(principle) for principle in loaded])}"

    def save(self, name: str) -> str:
        try:
            return save_to(file_path(name), cast("list[Principle]", self.principles))
        except ConstitutionError as problem:
            return f"Nothing was written. {problem}"
        except UnicodeEncodeError:
            return "Nothing was written: a text holds half a character. Type that text again."
        except OSError as problem:
            return f"Nothing was written: {problem.strerror or problem}. Choose another file name."

    def parts(self) -> list[Part]:
        """The principles with all that is to be said about them."""
        shown: list[Part] = [Line(usable(self.principles))]
        for index, principle in enumerate(self.principles):
            title = f"{index + 1}. {principle['id'] or '(no id)'}"
            parts: list[Part] = [Line(principle["text"] or "(no text)"), *notes(self.principles, index)]
            shown.append(Section(title, parts))
        return [*shown, Section("Last step", [Line(self.message)])] if self.message else shown


def editable(principle: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a principle whose id and text are texts, whatever they were. Other fields are kept."""
    fixed = {name: "" if principle.get(name) is None else str(principle[name]) for name in ("id", "text")}
    return {**copy.deepcopy(dict(principle)), **fixed}


def name_of(principle: Mapping[str, Any], index: int) -> str:
    return f"Principle {index + 1} ({short(principle['id'], 40) or 'no id'})"


def usable(principles: list[dict[str, Any]]) -> str:
    """Whether the pipeline would take these principles, in one sentence."""
    try:
        check_constitution(principles)
    except ConstitutionError as problem:
        return f"This constitution cannot be used yet. {problem}"
    return f"Principles: {len(principles)}. This constitution can be used."


def notes(principles: list[dict[str, Any]], index: int) -> list[Part]:
    """What stands beside a principle: its benign twin, mistakes, and what the lint finds."""
    principle = principles[index]
    twin = principle.get("benign_twin")
    found = problems(principles, index)
    said = [f"To mend: {problem}" for problem in found] or ["Lint: nothing to mend."]
    return [Line(text) for text in ([f"Benign twin: {twin}"] if twin else []) + said]


def problems(principles: list[dict[str, Any]], index: int) -> list[str]:
    """Mistakes in one principle, and what a critic could not judge in it."""
    principle, found = principles[index], []
    try:
        check_principle(principle, index + 1)
    except ConstitutionError as problem:
        found.append(str(problem))
    if principle["id"] and [p["id"] for p in principles].count(principle["id"]) > 1:
        found.append(f'The id "{principle["id"]}" stands twice. Give each principle its own.')
    return found + (lint_principle(cast("Principle", principle)) if principle["text"].strip() else [])


def file_path(name: str) -> Path:
    """The path of a constitution's file. ConstitutionError for a name that cannot be one."""
    name = name.strip()
    if Path(name).suffix != ".json" or "\0" in name:
        raise ConstitutionError('Write a file name that ends in .json, such as "my_constitution.json".')
    return Path(name)


def save_to(path: Path, principles: list[Principle]) -> str:
    """Save, but never over a file that holds something else than a constitution."""
    existed = path.exists()
    if existed:
        try:
            load_constitution(path)
        except ConstitutionError:
            return f"Nothing was written: {path.name} is there and is no constitution. Choose another file name."
    json.dumps(principles, ensure_ascii=False).encode("utf-8")  # fails here, before the old file is touched
    save_constitution(principles, path)
    return f"Saved {len(principles)} principles to {path.name}{', in place of what it held' if existed else ''}."


class Editor:
    """The controls of a draft. Rows are kept while one types, so that the cursor stays where it is."""

    def __init__(self, draft: Draft, w: Any):
        self.draft, self.w = draft, w
        self.head, self.foot = (w.HTML(layout=w.Layout(width="100%")) for _ in range(2))
        self.rows: list[Row] = []
        self.rows_box = w.VBox([])
        self.file_name = w.Text(
            description="File name",
            value="my_constitution.json",
            layout=w.Layout(width=WIDE, max_width="32em"),
        )
        self.undo = self.button("Undo", self.go_back)
        buttons = [self.button("Add a principle", draft.add), self.undo]
        files = [
            self.file_name,
            self.button("Save to this file", lambda: draft.save(self.file_name.value)),
            self.button("Load from this file", lambda: draft.load(self.file_name.value)),
        ]
        self.box = w.VBox([self.head, self.rows_box, self.in_a_row(buttons), self.in_a_row(files), self.foot])
        self.refresh()

    def button(self, words: str, action: Callable[[], str]) -> Any:
        """A button that does something to the draft and says what it did."""
        button = self.w.Button(description=words, layout=self.w.Layout(width="auto"))

        def act() -> None:
            self.say(action())

        button.on_click(careful(act, self.say))
        return button

    def in_a_row(self, widgets: list[Any]) -> Any:
        return self.w.HBox(widgets, layout=self.w.Layout(flex_flow="row wrap", align_items="center"))

    def go_back(self) -> str:
        return self.draft.undo() if self.draft.undo else "There is nothing to undo."

    def say(self, sentence: str) -> None:
        self.draft.message = sentence
        self.refresh()

    def refresh(self) -> None:
        """Bring the controls in line with the draft."""
        known = {id(row.principle): row for row in self.rows}
        rows = [known.get(id(p)) or Row(self, p) for p in self.draft.principles]
        if rows != self.rows:
            self.rows, self.rows_box.children = rows, [row.box for row in rows]
        for index, row in enumerate(rows):
            row.refresh(index)
        self.head.value = as_html([Line(usable(self.draft.principles))])
        self.undo.disabled = self.draft.undo is None
        message = [Section("Last step", [Line(self.draft.message)])] if self.draft.message else []
        self.foot.value = f'<div role="status">{as_html(message)}</div>'


class Row:
    """The controls of one principle."""

    def __init__(self, editor: Editor, principle: dict[str, Any]):
        self.editor, self.principle = editor, principle
        w = editor.w
        self.id = w.Text(principle["id"], layout=w.Layout(width=WIDE, max_width="32em"))
        self.text = w.Textarea(principle["text"], rows=2, layout=w.Layout(width=WIDE, max_width="62em"))
        self.notes = w.HTML(layout=w.Layout(width="100%"))
        self.remove = editor.button("Remove", lambda: editor.draft.remove(self.index))
        self.index = 0
        for control in (self.id, self.text):
            control.observe(careful(self.take, editor.say), "value")
        box = w.Layout(border_left="4px solid var(--jp-border-color1, #bdbdbd)", margin="4px 0", padding="0 0 0 8px")
        self.box = w.VBox([editor.in_a_row([self.id, self.remove]), self.text, self.notes], layout=box)

    def take(self) -> None:
        """What was typed goes into the draft."""
        self.principle.update(id=self.id.value, text=self.text.value)
        self.editor.refresh()

    def refresh(self, index: int) -> None:
        self.index = index
        self.id.description, self.text.description = f"{index + 1}. id", f"{index + 1}. text"
        self.remove.description = f"Remove principle {index + 1}"
        self.notes.value = as_html(notes(self.editor.draft.principles, index))


# --- Lessons 05 and 06: what changed, stage by stage ---

DIFF_LEGEND = "Removed words stand in {0[0]} {0[1]}, added words in {1[0]} {1[1]}."


def show_diff(before: str, after: str) -> View:
    """The difference between two texts, word by word. ValueError for something that is not a text."""
    parts = diff_parts(before, after)
    return View(lambda: as_text(parts), lambda w: w.HTML(as_html(parts), layout=w.Layout(width="100%")))


def diff_parts(before: str, after: str) -> list[Part]:
    """How marks are to be read, how much changed, and the marked text."""
    pieces = word_diff(before, after)
    if before == after:
        return [Line("No difference: the two texts are equal, word for word."), *prose(pieces)]
    marks = marks_for(pieces)
    counts = {kind: sum(words_in(p.text) for p in pieces if p.kind == kind) for kind in ("removed", "added", "same")}
    legend = DIFF_LEGEND.format(marks["removed"], marks["added"])
    count = f"Words removed: {counts['removed']}, added: {counts['added']}, kept: {counts['same']}."
    return [Line(f"{legend} {count}"), Prose(pieces)]


def words_in(text: str) -> int:
    return len(re.findall(r"\w+(?:['’-]\w+)*", text))


def prose(pieces: Sequence[Piece]) -> list[Part]:
    """A text, or that there is none."""
    return [Prose(pieces)] if any(piece.text for piece in pieces) else [Line("(no text)")]


def plain_prose(text: Any) -> list[Part]:
    return prose([Piece("same", str(text or ""))])


def show_stages(result: Mapping[str, Any], seconds: bool = False) -> View:
    """The stages of one run of `constitutional_ai_pipeline`: draft, verdicts, revision, second check, result.

    seconds: say how long each stage took; left out, the text is the same in every run.
    ValueError for something that is not such a result.
    """
    if not isinstance(result, Mapping) or not isinstance(result.get("stages"), Mapping):
        raise ValueError("show_stages shows what constitutional_ai_pipeline returns: give it that dict.")
    result = copy.deepcopy(dict(result))
    stages = stage_sections(result, seconds)
    head = Line(f"Prompt: {result.get('prompt', '')}")
    return View(lambda: as_text([head, *stages.values()]), lambda w: stage_browser(w, head, stages))


def stage_browser(w: Any, head: Line, stages: Mapping[str, Section]) -> Any:
    """One stage at a time, or all of them."""
    everything = "All"
    choice = w.RadioButtons(
        options=[*stages, everything],
        description="Stage",
        orientation="horizontal",
        layout=w.Layout(width="auto"),
    )
    shown = w.HTML(layout=w.Layout(width="100%"))

    def show() -> None:
        chosen = list(stages.values()) if choice.value == everything else [stages[choice.value]]
        shown.value = as_html([head, *chosen])

    careful(show, sayer(shown))()
    choice.observe(careful(show, sayer(shown)), "value")
    return w.VBox([choice, shown])


def stage_sections(result: Mapping[str, Any], seconds: bool) -> dict[str, Section]:
    """Each stage of a result under its short name."""
    stages = result["stages"]
    sections = {
        "1 Draft": Section("Stage 1, draft", draft_parts(stages)),
        "2 Critique": critique_section("Stage 2, critique of the draft", stages.get("critique"), "draft"),
        "3 Revision": Section("Stage 3, revision", revision_parts(stages)),
        "4 Recheck": critique_section("Stage 4, recheck of the revision", stages.get("recheck"), "revision"),
        "5 Result": Section("Result", result_parts(result, seconds), tone_of(result.get("status") == "withheld")),
    }
    if not seconds:
        return sections
    names = dict(zip(sections, ("generate", "critique", "revise", "recheck"), strict=False))
    return {key: timed(section, dig(stages, names.get(key, ""), "time_sec")) for key, section in sections.items()}


def timed(section: Section, seconds: Any) -> Section:
    """The section with its time, where it has one."""
    if seconds is None:
        return section
    return Section(section.title, [*section.parts, Line(f"Seconds: {seconds}")], section.tone)


def tone_of(bad: Any) -> Literal["good", "bad"]:
    return "bad" if bad else "good"


def draft_parts(stages: Mapping[str, Any]) -> list[Part]:
    """The draft, with the words marked that critics quote against it."""
    stage = stages.get("generate") or {}
    draft = str(stage.get("output") or "")
    if not draft:
        return [Line(f"There is no draft. {stage.get('error', '')}".strip())]
    return quoted_parts(draft, dig(stages, "critique", "details") or [])


def quoted_parts(text: str, details: Sequence[Mapping[str, Any]]) -> list[Part]:
    """A text, with the words marked that critics quote against it."""
    pieces = mark_quotes(text, [(str(c.get("principle_id", "")), quote) for c in details for quote in quotes_of(c)])
    if all(piece.kind == "same" for piece in pieces):
        return [Line("No critic quotes words against it."), *prose(pieces)]
    before, after = marks_for(pieces)["quoted"]
    legend = f"Words quoted against it stand between {before} and {after}, followed by the principles."
    return [Line(legend), Prose(pieces)]


def quotes_of(critique: Mapping[str, Any]) -> list[str]:
    """All words that a critique quotes against a draft; none where the principle is kept."""
    if not critique.get("violated"):
        return []
    lines = str(critique.get("critique") or "").splitlines()
    return list(filter(None, [str(critique.get("quote") or ""), *map(find_quote, lines)]))


def critique_section(title: str, stage: Any, what: str) -> Section:
    """The verdicts of one check, principle by principle."""
    if not stage:
        return Section(title, [Line("Not needed: there was no revision to check.")])
    details = stage.get("details") or []
    if not details:
        return Section(title, [Line(f"Nothing was judged: there is no {what}.")])
    title = f"{title}: {stage.get('violations')} of {stage.get('total')} principles broken"
    return Section(title, [verdict_section(c, what) for c in details])


def verdict_section(critique: Mapping[str, Any], what: str) -> Section:
    """One verdict: the principle, the quote and whether it was found, and the critic's own words."""
    verdict, violated = critique.get("verdict", ""), critique.get("violated")
    counted = ", counts as broken" if violated and verdict == "UNCLEAR" else ""
    parts: list[Part] = [Line(f"Principle: {critique.get('principle_text', '')}")]
    if critique.get("quote"):
        found = f"found in the {what}" if critique.get("quote_found") else f"NOT found in the {what}"
        parts.append(Line(f'Quote, {found}: "{critique["quote"]}"'))
    elif violated:
        parts.append(Line("The critic quotes no words."))
    parts.append(Section("The critic's words:", plain_prose(critique.get("critique")), folded=True))
    return Section(f"{critique.get('principle_id', '')}: {verdict}{counted}", parts, tone_of(violated))


def revision_parts(stages: Mapping[str, Any]) -> list[Part]:
    """The difference between draft and revision, or why there is none."""
    draft, stage = str(dig(stages, "generate", "output") or ""), stages.get("revise") or {}
    if stage.get("error"):
        return [Line(f"There is no revision. {stage['error']}")]
    if not draft:
        return [Line("Nothing to revise: there is no draft.")]
    if not dig(stages, "critique", "violations"):
        return [Line("Nothing to revise: no principle is broken, and the draft stays as it is.")]
    return diff_parts(draft, str(stage.get("output") or ""))


STATUS = {
    "clean": "clean. The draft broke no principle.",
    "revised": "revised. The revision passed its own check.",
    "withheld": "withheld. No text passed a check, so a refusal stands in its place.",
}


def result_parts(result: Mapping[str, Any], seconds: bool) -> list[Part]:
    """How it ended, what it used, and the text that may be shown."""
    status = str(result.get("status", ""))
    used = used_words(result)
    if seconds and "total_time_sec" in result:
        used.append(f"seconds: {result['total_time_sec']}")
    parts: list[Part] = [Line(f"Status: {STATUS.get(status, status)}")]
    parts += [Line(", ".join(used) + ".")] if used else []
    return [*parts, Section("Final text:", plain_prose(result.get("final")))]


def used_words(counted: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {counted[key]}" for name, key in (("Calls", "calls"), ("tokens", "tokens")) if key in counted]


# --- Lesson 07: the rounds ---

STOPPED = {
    "clean": "the last text broke no principle",
    "repeated text": "the last text had been there before",
    "same findings": "the critics found the same as in an earlier round",
    "round limit": "no more rounds were allowed",
    "no answer": "the model gave no text",
}


def show_rounds(result: Mapping[str, Any], constitution: Sequence[Principle] | None = None) -> View:
    """The rounds of one run of `multi_round_pipeline`, one at a time: text, verdicts, changes, and how it ended.

    Each revision is compared with the text that it was made from, the best one before it. constitution: needed to find
    that one only where principles have a severity. ValueError for something that is not such a result.
    """
    if not isinstance(result, Mapping) or not isinstance(result.get("rounds"), list):
        raise ValueError("show_rounds shows what multi_round_pipeline returns: give it that dict.")
    result = copy.deepcopy(dict(result))
    head, steps = Line(f"Prompt: {result.get('prompt', '')}"), round_sections(result, constitution)
    return View(lambda: as_text([head, *steps.values()]), lambda w: stepper(w, head, steps))


def stepper(w: Any, head: Line, steps: Mapping[str, Section]) -> Any:
    """One step at a time, chosen by name or by the buttons before and after."""
    names = list(steps)
    choice = w.Dropdown(options=names, description="Show", layout=w.Layout(width="auto"))
    back, on = (w.Button(description=words, layout=w.Layout(width="auto")) for words in ("Previous", "Next"))
    shown = w.HTML(layout=w.Layout(width="100%"))

    def show() -> None:
        back.disabled, on.disabled = choice.index == 0, choice.index == len(names) - 1
        shown.value = f'<div role="status">{as_html([head, steps[choice.value]])}</div>'

    def go(steps_on: int) -> Callable[[], None]:
        def move() -> None:
            choice.index = min(max(choice.index + steps_on, 0), len(names) - 1)

        return move

    say = sayer(shown)
    careful(show, say)()
    choice.observe(careful(show, say), "index")
    back.on_click(careful(go(-1), say))
    on.on_click(careful(go(+1), say))
    row = w.HBox([back, on, choice], layout=w.Layout(flex_flow="row wrap", align_items="center"))
    return w.VBox([row, shown])


def round_sections(result: Mapping[str, Any], constitution: Sequence[Principle] | None) -> dict[str, Section]:
    """Each round, and the result, under its short name."""
    rounds = result["rounds"]
    sections = {}
    for index, checked in enumerate(rounds):
        what = "revision" if index else "draft"
        broken = f"{checked.get('violations')} of {len(checked.get('details') or [])} principles broken"
        title = f"Round {index + 1} of {len(rounds)}, {what}: {broken}"
        changes = [change_section(checked, best_before(rounds[:index], constitution))] if index else []
        parts = round_parts(checked, what, changes)
        sections[f"Round {index + 1}"] = Section(title, parts, tone_of(checked.get("violations")))
    sections["Result"] = Section("Result", ending_parts(result), tone_of(result.get("status") == "withheld"))
    return sections


def round_parts(checked: Mapping[str, Any], what: str, changes: Sequence[Part]) -> list[Part]:
    """What a round used, its text with the quotes, the changes, and the verdicts: the broken principles in full, the
    kept ones by name."""
    details = checked.get("details") or []
    kept = [str(c.get("principle_id", "")) for c in details if not c.get("violated")]
    parts: list[Part] = [Line(", ".join(used_words(checked)) + ".")] if used_words(checked) else []
    parts += [Section("Text:", quoted_parts(str(checked.get("text") or ""), details)), *changes]
    parts += [verdict_section(c, what) for c in details if c.get("violated")]
    return [*parts, *([Line(f"NOT VIOLATED: {', '.join(kept)}.")] if kept else [])]


def best_before(earlier: Sequence[Any], constitution: Sequence[Principle] | None) -> Mapping[str, Any]:
    """The round that the next revision was made from."""
    known: dict[str, Principle] = {p["id"]: p for p in constitution or []}
    for judged in (c["principle_id"] for checked in earlier for c in checked["details"]):
        known.setdefault(judged, {"id": judged, "text": ""})
    return best_of(list(earlier), list(known.values()))


def change_section(checked: Mapping[str, Any], origin: Mapping[str, Any]) -> Section:
    """What a revision changed."""
    title = f"Changes from round {origin['round']}, the best text before this one:"
    return Section(title, diff_parts(str(origin.get("text") or ""), str(checked.get("text") or "")))


def ending_parts(result: Mapping[str, Any]) -> list[Part]:
    """Why the rounds stopped, which text was the best, and the rest as for one run of the pipeline."""
    stopped, error = str(result.get("stopped", "")), str(result.get("error") or "")
    why = f"{stopped}, because {STOPPED[stopped]}" if stopped in STOPPED else stopped
    best = f"Best text: round {result.get('best_round')}." if result["rounds"] else "There is no draft."
    return [Line(f"Stopped: {why}. {error}".rstrip()), Line(best), *result_parts(result, seconds=False)]


# --- Lesson 08: how many critics have answered ---


def progress_bar(label: str = "critics", verb: str = "have answered") -> Callable[[int, int], None]:
    """A function for `parallel_critique(progress=...)`: it shows a bar "3 of 5 critics have answered" that moves, and
    when all have answered one printed line in its place. Each run gets a bar of its own.

    The output of the cell does not depend on the order or the number of the calls: the bar moves by its widget's
    state, which is not compared, and no text form stands beside it.
    """
    return Progress(f"{label} {verb}")


class Progress:
    """The bar of one run after another."""

    def __init__(self, words: str):
        self.words = words
        self.done = 0
        self.bar: Any = None

    def __call__(self, done: int, total: int) -> None:
        sentence = f"{done} of {total} {self.words}."
        if self.bar is None or done <= self.done:  # the first call of a run, also after one that was interrupted
            self.bar = with_ipywidgets(lambda w: bar_of(w, total)) if in_a_notebook() else None
            display_widget(self.bar)
        self.done = done
        if self.bar is not None:
            self.bar.children[0].value = done
            self.bar.children[1].value = f'<span role="status">{escape(sentence)}</span>'
        if done >= total:
            if self.bar is not None:
                self.bar.layout.display = "none"  # the printed line takes its place
            self.bar, self.done = None, 0
            print(sentence)


def bar_of(w: Any, total: int) -> Any:
    """A bar from 0 to total, and room for words beside it."""
    bar = w.IntProgress(0, 0, total, layout=w.Layout(width="16em"))
    return w.HBox([bar, w.HTML()], layout=w.Layout(flex_flow="row wrap", align_items="center"))


def in_a_notebook() -> bool:
    """Whether this code runs in a kernel, which can show widgets."""
    shell = sys.modules.get("IPython")
    return getattr(shell and shell.get_ipython(), "kernel", None) is not None


def display_widget(widget: Any) -> None:
    """Show a widget without a text form beside it; nothing for None."""
    if widget is not None:
        from IPython.display import display

        display({WIDGET_VIEW: widget._repr_mimebundle_()[WIDGET_VIEW]}, raw=True)


# --- Lesson 10: what the audit log says ---

ALL_DAYS = "all days"


def show_audit(records: Any, seconds: bool = False) -> View:
    """A dashboard of a guardrail's records: a list, what `read_log` gives, an `AuditLog`, or the path of a log.

    Outcomes by day, the rules that trigger most, what the router skips, misses and saves; for all days or for one.
    seconds: name the time too; left out, the text is the same in every run. ValueError for what is no audit record.
    """
    dashboard = Dashboard(records, seconds)
    return View(lambda: as_text(dashboard.parts()), dashboard.build)


class Dashboard:
    """The records of a guardrail, all days or one chosen. What it shows stays until it reads the records again."""

    def __init__(self, source: Any, seconds: bool):
        self.source, self.seconds = source, seconds
        self.kept: list[Mapping[str, Any]] = []
        self.damaged, self.day = 0, ALL_DAYS
        self.read()

    def read(self) -> None:
        """Take the records as they are now."""
        from cai_helpers.tracking import load  # it draws its plots with plots.py, which needs this module

        self.kept, self.damaged = load(self.source)
        if self.day not in self.days():
            self.day = ALL_DAYS

    def days(self) -> list[str]:
        """What can be chosen."""
        from cai_helpers.tracking import day_of

        return [ALL_DAYS, *sorted({day_of(record) for record in self.kept})]

    def tracked(self) -> Any:
        """The counts of the chosen day."""
        from cai_helpers.tracking import day_of, track

        return track([r for r in self.kept if self.day in (ALL_DAYS, day_of(r))])

    def parts(self) -> list[Part]:
        """The figures, in the order of a request: outcomes, rules, patterns, router, price."""
        from cai_helpers.tracking import outcome_table, router_lines, rule_table, saved_lines

        if not self.kept:
            return [Line("No record yet. Let the guardrail answer something, then look again.")]
        found = self.tracked()
        patterns = ", ".join(f"{kind}: {number}" for kind, number in found["patterns"].items())
        head = f"Requests: {found['requests']} ({self.day})."
        lost = [Line(f"Damaged lines of the log, left out: {self.damaged}.")] if self.damaged else []
        rules: Part = Code(rule_table(found)) if found["rules"] else Line("No rule has a verdict.")
        return [
            Line(head),
            *lost,
            Section("Outcomes by day (UTC)", [Code(outcome_table(found))]),
            Section("Rules, the one that triggers most first", [rules]),
            Section("Found by patterns", [Line(patterns or "nothing")]),
            Section("Router", [Line(line) for line in router_lines(found)]),
            Section("Price", [Line(line) for line in saved_lines(found, self.seconds)]),
        ]

    def plots(self) -> list[Any]:
        """The same figures as plots: outputs for a widget."""
        from cai_helpers.tracking import days_plot, rules_plot

        found = self.tracked()
        drawn = [rules_plot(found)] if found["rules"] else []
        drawn += [days_plot(found)] if self.kept else []
        return [display_data(*plot._repr_mimebundle_()) for plot in drawn]

    def build(self, w: Any) -> Any:
        """The controls: which day, with or without seconds, and the records read again."""
        choice = w.Dropdown(description="Show", layout=w.Layout(width="auto"))
        timed = w.Checkbox(value=self.seconds, description="Show seconds", indent=False)
        again = w.Button(description="Read the records again", layout=w.Layout(width="auto"))
        timed.layout.width = "auto"
        shown, drawn = w.HTML(layout=w.Layout(width="100%")), w.Output()

        def show() -> None:
            self.day, self.seconds = choice.value or ALL_DAYS, timed.value
            shown.value = f'<div role="status">{as_html(self.parts())}</div>'
            drawn.outputs = tuple(self.plots())

        def read() -> None:
            self.read()
            chosen = self.day
            choice.options = self.days()
            choice.value = chosen
            show()

        say = sayer(shown)
        choice.observe(careful(show, say), "value")
        timed.observe(careful(show, say), "value")
        again.on_click(careful(read, say))
        careful(read, say)()
        row = w.HBox([choice, timed, again], layout=w.Layout(flex_flow="row wrap", align_items="center"))
        return w.VBox([row, shown, drawn])


def display_data(data: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A MIME bundle as an output of a widget."""
    return {"output_type": "display_data", "data": dict(data), "metadata": dict(metadata)}
