"""What must be true of every notebook: a rule takes a Page and returns the problems found, [] for none."""

from __future__ import annotations

import io
import json
import re
import socket
import statistics
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cai_helpers.learning import lessons, manifest

Cell = dict[str, Any]
Rule = Callable[["Page"], list[str]]

LONGEST_CELL = 15
MEDIAN_CELL = 6
POOR_LINKS = {"here", "click here", "click", "this", "this link", "link", "more", "read more", "see here"}
POOR_WORDS = re.compile(r"\b(simply|just|obviously|easy|easily|note that)\b", re.IGNORECASE)
IMAGE_FILE = re.compile(r"[\w. -]+\.(png|jpe?g|gif|svg|webp|bmp)", re.IGNORECASE)
KEY = re.compile(
    r"\bsk-[\w-]{16,}|\bAKIA[0-9A-Z]{12,}|\bgh[pousr]_\w{20,}|\bAIza[\w-]{20,}|\bhf_[A-Za-z]{20,}"
    r"|Bearer\s+[\w.~+/-]{20,}"
)
MACHINE = re.compile(
    r"(?<![\w.:/])/(?:home|root|Users|tmp|work|usr|var|opt|mnt|private|srv|etc|workspace)/[\w.-]+"
    r"|\b[A-Z]:\\\w|\b0x[0-9a-f]{6,}\b|(?:127\.0\.0\.1|localhost|\[::1\]):\d{2,5}|ipykernel_\d+"
)
LIVE_MODEL = re.compile(
    r"\bclaude-(?:opus|sonnet|haiku|instant|\d)[\w.-]*|\bgpt-\d[\w.-]*|\bo[1-9]-(?:mini|pro|preview)\b"
    r"|\bgemini-\d[\w.-]*|\b(?:llama|mistral|qwen|deepseek|gemma)-?\d[\w.:-]*",
    re.IGNORECASE,
)
NBVAL_SWITCH = re.compile(r"^\s*#\s*(?:NBVAL_|PYTEST_VALIDATE_)\w+", re.MULTILINE)


@dataclass
class Page:
    """One notebook file: its path, its text, and the notebook with sources as strings."""

    path: Path
    text: str
    cells: list[Cell]
    metadata: dict[str, Any]

    @classmethod
    def of(cls, path: Path) -> Page:
        """Read a notebook file."""
        notebook = lessons.read_notebook(path)
        return cls(path, path.read_text("utf-8"), notebook["cells"], notebook.get("metadata", {}))

    @property
    def code(self) -> list[Cell]:
        """The code cells, in order."""
        return [cell for cell in self.cells if cell["cell_type"] == "code"]

    @property
    def prose(self) -> list[Cell]:
        """The Markdown cells, in order."""
        return [cell for cell in self.cells if cell["cell_type"] == "markdown"]


def one_h1_in_the_first_cell(page: Page) -> list[str]:
    """Screen readers and contents lists take the one H1 as the title."""
    found = [cell["id"] for cell in page.prose for level, _ in headings(cell) if level == 1]
    return [] if found == [page.cells[0].get("id")] else [f"H1 in the cells {found}, not once in the first cell"]


def no_skipped_heading_level(page: Page) -> list[str]:
    """A heading is at most one level below the one before it."""
    problems, last = [], 0
    for cell in page.prose:
        for level, title in headings(cell):
            if level > last + 1:
                problems.append(f"{title!r} jumps from level {last} to {level}")
            last = level
    return problems


def images_have_alt_text(page: Page) -> list[str]:
    """Alt text exists and is not the file's name; a picture as output says its content in text too."""
    problems = []
    for where, text in [*prose_texts(page), *rich_texts(page)]:
        for alt, source in images(text):
            name = Path(source).name
            if not alt.strip() or IMAGE_FILE.fullmatch(alt.strip()) or alt.strip() in (name, Path(name).stem):
                problems.append(f"{where}: image {name!r} has the alt text {alt!r}")
    for cell, output in outputs(page):
        data = output.get("data", {})
        pictured = any(kind.startswith(("image/", "application/vnd.vega")) for kind in data)
        if pictured and re.fullmatch(r"\s*(<.*>)?\s*", plain(data), re.DOTALL):
            problems.append(f"{cell['id']}: a picture without its content in text/plain")
    return problems


def links_say_where_they_lead(page: Page) -> list[str]:
    """Link texts make sense when read alone."""
    found = [(where, *link) for where, text in prose_texts(page) for link in links(text)]
    return [
        f"{where}: link text {label!r}"
        for where, label, _ in found
        if (plain_label := re.sub(r"[*_`.]", "", label).strip().lower()) in POOR_LINKS
        or not plain_label
        or plain_label.startswith("http")
    ]


def relative_links_exist(page: Page) -> list[str]:
    """Links and images inside the course point at files that are there."""
    problems = []
    for where, text in prose_texts(page):
        targets = [target for _, target in links(text)] + [source for _, source in images(text)]
        for target in targets:
            file = unquote(re.split(r"[#?]", target)[0])
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE) or not file:
                continue
            if not (page.path.parent / file).exists():
                problems.append(f"{where}: no file {file!r}")
    return problems


def every_code_cell_was_run_in_order(page: Page) -> list[str]:
    """nbval does not compare a cell that has no count, so each one must have its own."""
    counts = [cell.get("execution_count") for cell in page.code]
    return [] if counts == [*range(1, len(counts) + 1)] else [f"counts are {counts}"]


def no_error_outputs(page: Page) -> list[str]:
    """An error is shown only where the cell's tag says that it is meant."""
    return [
        f"{cell['id']}: {output['ename']}"
        for cell, output in outputs(page)
        if output["output_type"] == "error" and "raises-exception" not in tags(cell)
    ]


def no_stderr(page: Page) -> list[str]:
    """Warnings hold paths and differ between versions."""
    return [f"{cell['id']}: writes to stderr" for cell, out in outputs(page) if out.get("name") == "stderr"]


def no_switched_off_comparison(page: Page) -> list[str]:
    """No cell may opt out of nbval's comparison."""
    return [
        f"{cell['id']}: switches nbval off"
        for cell in page.code
        if NBVAL_SWITCH.search(cell["source"]) or any(tag.startswith(("nbval", "skip-execution")) for tag in tags(cell))
    ]


def no_key(page: Page) -> list[str]:
    """Nothing that looks like an API key, anywhere in the file."""
    return [f"key-like text {match[0][:12]!r}..." for match in KEY.finditer(page.text)]


def outputs_name_no_machine(page: Page) -> list[str]:
    """No absolute path, memory address, local port or host name in an output."""
    host = socket.gethostname().split(".")[0]
    own = [rf"\b{re.escape(host)}\b"] if len(host) > 5 and host != "localhost" else []
    pattern = re.compile("|".join([MACHINE.pattern, *own]))
    return [
        f"{cell['id']}: {match[0]!r}"
        for cell, output in outputs(page)
        if (match := pattern.search("\n".join(output_texts(output))))
    ]


def ids_are_words(page: Page) -> list[str]:
    """Every cell has its own hand-given id."""
    ids = [cell.get("id") for cell in page.cells]
    problems = [f"cell {n} {lessons.id_problem(i)}" for n, i in enumerate(ids, 1) if lessons.id_problem(i)]
    return problems + [f"the id {i!r} stands twice" for i in sorted({i for i in ids if i and ids.count(i) > 1})]


def kernel_is_python3(page: Page) -> list[str]:
    """Any other kernel name exists on one machine only."""
    name = page.metadata.get("kernelspec", {}).get("name")
    return [] if name == "python3" else [f"kernelspec name is {name!r}"]


def no_widget_state(page: Page) -> list[str]:
    """Stored widget state may hold what was typed into a password field, and goes stale."""
    problems = ["widget state in the notebook's metadata"] if "widgets" in page.metadata else []
    views = [cell["id"] for cell, output in outputs(page) if lessons.WIDGET_VIEW in output.get("data", {})]
    return problems + [f"{cell_id}: a widget view with a random id" for cell_id in views]


def no_belittling_words(page: Page) -> list[str]:
    """What is simple for the author may not be for the reader."""
    comments = [(cell["id"], comment) for cell in page.code for comment in comments_of(cell["source"])]
    return [
        f"{where}: {match[0]!r}"
        for where, text in [*prose_texts(page), *comments]
        for match in POOR_WORDS.finditer(re.sub(r"`[^`\n]*`", "", text))
    ]


def cells_are_short(page: Page) -> list[str]:
    """Lines that are not blank: a learner reads one step at a time."""
    sizes = {cell["id"]: sum(bool(line.strip()) for line in cell["source"].splitlines()) for cell in page.code}
    problems = [f"{name}: {size} lines, at most {LONGEST_CELL}" for name, size in sizes.items() if size > LONGEST_CELL]
    # A cell that builds a function of the package is as long as the function; the others show one thing each.
    showing = [sizes[cell["id"]] for cell in page.code if "builds" not in tags(cell)]
    middle = statistics.median(showing or [0])
    if middle > MEDIAN_CELL:
        problems.append(f"the median cell has {middle:g} lines, at most {MEDIAN_CELL}")
    return problems


def recap_has_three_lines(page: Page) -> list[str]:
    """Lessons 01 and later recall the one before in three lines under the heading Recap."""
    if page.path.name.startswith("00"):
        return []
    for cell in page.prose:
        match = re.search(r"^#+\s*Recap\s*\n(.*?)(?=^#|\Z)", cell["source"], re.DOTALL | re.MULTILINE)
        if match:
            count = sum(bool(line.strip()) for line in match[1].splitlines())
            return [] if count == 3 else [f"{cell['id']}: the recap has {count} lines, not three"]
    return ["no heading Recap"]


def badge_at_the_top(page: Page) -> list[str]:
    """One of the first two code cells prints which model answers."""
    shown = [text for cell in page.code[:2] for output in cell["outputs"] for text in output_texts(output)]
    return [] if any("course-model-1" in text for text in shown) else ["no badge with course-model-1 at the top"]


def no_live_model_id(page: Page) -> list[str]:
    """Live models are retired; their ids stand in one tagged cell, not in the text."""
    problems = []
    for cell in page.cells:
        if "model-ids" in tags(cell):
            continue
        texts = [
            cell["source"],
            *(text for output in cell.get("outputs", []) for text in output_texts(output)),
        ]
        found = LIVE_MODEL.search("\n".join(texts))
        if found:
            problems.append(f"{cell['id']}: {found[0]!r} outside a cell tagged model-ids")
    return problems


def generated_parts_are_fresh(page: Page) -> list[str]:
    """Objectives, minutes, mirror and footer come from course.toml, and the file is in normal form."""
    course = manifest.load_course(page.path.parents[1])
    built = lessons.built_text(course, manifest.find_chapter(course, page.path.stem), run=False)
    if built == page.text:
        return []
    difference = lessons.first_difference(page.text, built)
    return [f"differs from its build: {difference}; run python -m cai_helpers build-lessons {page.path.stem}"]


EVERY_NOTEBOOK: list[Rule] = [
    one_h1_in_the_first_cell,
    no_skipped_heading_level,
    images_have_alt_text,
    links_say_where_they_lead,
    relative_links_exist,
    no_error_outputs,
    no_stderr,
    no_switched_off_comparison,
    no_key,
    outputs_name_no_machine,
    ids_are_words,
    kernel_is_python3,
    no_widget_state,
    no_belittling_words,
    no_live_model_id,
]
# exercises/ are starters: not run, and laid out by the solutions that they are made from.
EVERY_RUN_NOTEBOOK: list[Rule] = [every_code_cell_was_run_in_order]
EVERY_LESSON: list[Rule] = [
    cells_are_short,
    recap_has_three_lines,
    badge_at_the_top,
    generated_parts_are_fresh,
]
RULES_OF_FOLDER: dict[str, list[Rule]] = {
    "notebooks": EVERY_NOTEBOOK + EVERY_RUN_NOTEBOOK + EVERY_LESSON,
    "solutions": EVERY_NOTEBOOK + EVERY_RUN_NOTEBOOK,
    "exercises": EVERY_NOTEBOOK,
}


def headings(cell: Cell) -> list[tuple[int, str]]:
    """(level, title) of the headings in a Markdown cell: #, underlined and HTML ones, in order."""
    pattern = r"^(#{1,6})\s+(.+?)\s*#*$|^(\S.*)\n(=+|-{3,})[ \t]*$|<h([1-6])\b[^>]*>(.*?)</h[1-6]>"
    found = []
    for marks, title, above, line, level, inner in re.findall(pattern, unfenced(cell["source"]), re.MULTILINE):
        if marks:
            found.append((len(marks), title))
        elif line:
            found.append((1 if line[0] == "=" else 2, above))
        else:
            found.append((int(level), inner))
    return found


def images(text: str) -> list[tuple[str, str]]:
    """(alt, source) of each image in a text, Markdown or HTML; a missing alt is ""."""
    found = re.findall(r"!\[(.*?)\]\(\s*<?([^)\s>]+)", text, re.DOTALL)
    for tag in re.findall(r"<img\b[^>]*>", text, re.IGNORECASE):
        parts = dict(re.findall(r"(\w+)\s*=\s*[\"']([^\"']*)", tag))
        found.append((parts.get("alt", ""), parts.get("src", "?")))
    return found


def links(text: str) -> list[tuple[str, str]]:
    """(text, target) of each link, Markdown or HTML, images aside."""
    found = re.findall(r"(?<!!)\[([^\]\[]*)\]\(\s*<?([^)\s>]+)", text)
    hyper = re.findall(r"<a\b[^>]*href\s*=\s*[\"']([^\"']*)[\"'][^>]*>(.*?)</a>", text, re.DOTALL | re.IGNORECASE)
    return found + [(re.sub(r"<[^>]+>", "", label), target) for target, label in hyper]


def unfenced(text: str) -> str:
    """Markdown without its code blocks."""
    return re.sub(r"^(```|~~~).*?^\1[ \t]*$", "", text, flags=re.DOTALL | re.MULTILINE)


def prose_texts(page: Page) -> list[tuple[str, str]]:
    """(cell id, text) of each Markdown cell: no code blocks, and no brackets inside inline code."""

    def bare(code: re.Match[str]) -> str:
        return f"`{re.sub(r'[][()<>!]', '', code[1])}`"

    return [(cell.get("id", "?"), re.sub(r"`([^`\n]*)`", bare, unfenced(cell["source"]))) for cell in page.prose]


def rich_texts(page: Page) -> list[tuple[str, str]]:
    """(cell id, text) of every HTML and Markdown output."""
    return [
        (cell["id"], lessons.joined(data))
        for cell, output in outputs(page)
        for kind, data in output.get("data", {}).items()
        if kind in ("text/html", "text/markdown")
    ]


def outputs(page: Page) -> Iterator[tuple[Cell, dict[str, Any]]]:
    """Every output with its cell."""
    for cell in page.code:
        for output in cell.get("outputs", []):
            yield cell, output


def output_texts(output: dict[str, Any]) -> list[str]:
    """Every text of an output, whatever its kind; pictures as base64 aside."""
    if output["output_type"] == "stream":
        return [lessons.joined(output["text"])]
    if output["output_type"] == "error":
        return [output["ename"], output["evalue"], *output["traceback"]]
    kinds = {kind: data for kind, data in output["data"].items() if kind not in ("image/png", "image/jpeg")}
    texts = [data if isinstance(data, (str, list)) else json.dumps(data) for data in kinds.values()]
    return [lessons.joined(text) for text in texts]


def plain(data: dict[str, Any]) -> str:
    """The text/plain form of an output's data."""
    return lessons.joined(data.get("text/plain", ""))


def tags(cell: Cell) -> list[str]:
    """The cell's tags."""
    found: list[str] = cell["metadata"].get("tags", [])
    return found


def comments_of(source: str) -> list[str]:
    """The comments in a code cell; from its lines where the source is not plain Python (a magic)."""
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        return [token.string for token in tokens if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError):
        return re.findall(r"#.*", source)
