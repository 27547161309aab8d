"""The fence lifter: takes fenced material (tags, triple quotes, lines of dashes) out of a message.

Each fence leaves a mark in the text, so that its place among the labels stays known.
"""

from __future__ import annotations

import re

from . import labels, slots
from .slots import Section

_TAG = re.compile(r"<([A-Za-z][\w.:-]*)((?:\s+[^<>]*)?)>")


_CONTAINERS = {
    "input",
    "inputs",
    "data",
    "context",
    "evaluation",
    "case",
    "item",
    "root",
    "request",
    "section",
    "conversation",
    "dialogue",
    "transcript",
    "exchange",
    "documents",
}


_BLOCK = re.compile(r"(```|~~~|\"\"\"|''')([\w-]*)[ \t]*\n?(.*?)\n?[ \t]*\1", re.S)


_DELIMITER = re.compile(
    r"^[ \t]*(-{3,}|\*{3,}|#{3,}|={3,}|_{3,}|<{3,}|\[{3,}|\{{3,})[ \t]*\n(.*?)\n[ \t]*"
    r"(-{3,}|\*{3,}|#{3,}|={3,}|_{3,}|>{3,}|\]{3,}|\}{3,})[ \t]*$",
    re.S | re.M,
)


_PAIRS = {"<": ">", "[": "]", "{": "}"}


MARK = re.compile("\ue000(\\d+)\ue001")


def lift_tags(text: str, fences: list[Section]) -> str:
    """Replace each known tag pair by a mark and keep its content in `fences`."""
    out: list[str] = []
    at = 0
    while True:
        tag = _TAG.search(text, at)
        if tag is None:
            return "".join(out) + text[at:]
        name, attributes = tag.group(1), tag.group(2)
        slot = slots.of_name(name) or _slot_in_attributes(attributes)
        letter = re.search(r"=\s*[\"']?([abAB12])[\"']?\s*$", attributes)
        if letter and slot == "draft":
            slot = "a" if letter.group(1) in "aA1" else "b"
        end = text.find(f"</{name}>", tag.end())
        inner = text[tag.end() : end] if end >= 0 else ""
        container = slots.plain(name) in _CONTAINERS and any(slots.of_name(t[0]) for t in _TAG.findall(inner))
        if end < 0 or container or (slot is None and not slots.has_suffix(name)):
            keep_tag = end < 0 or (slot is None and not container)
            out.append(text[at : tag.end()] if keep_tag else text[at : tag.start()])
            if container:
                text = text[:end] + "\n" + text[end + len(name) + 3 :]
            at = tag.end()
            continue
        identifier = re.search(r"\b(?:id|name)\s*=\s*[\"']?([\w.-]+)", attributes)
        if slot == "principle" and identifier and not _TAG.search(inner):
            inner = f"{identifier.group(1)}: {inner.strip()}"
        fences.append(Section(slot or "material", _strip_block(inner), True, name))
        out.append(text[at : tag.start()] + f"\n\ue000{len(fences) - 1}\ue001\n")
        at = end + len(name) + 3


def _slot_in_attributes(attributes: str) -> str | None:
    values = re.findall(r"(?:name|type|role|kind)\s*=\s*[\"']?([\w-]+)", attributes)
    return next((slot for value in values if (slot := slots.of_name(value))), None)


def _strip_block(text: str) -> str:
    """Without the line breaks next to the tags; inner layout stays."""
    return text.strip("\r\n")


def lift_blocks(text: str, fences: list[Section]) -> str:
    """Replace triple-quoted blocks by marks; a block that shows the wanted output stays in the text."""

    def lift(block: re.Match[str]) -> str:
        language, inner = block.group(2), block.group(3)
        template = language.lower() in ("json", "jsonc") or (
            inner.lstrip().startswith(("{", "[")) and not re.search(r"\"(?:text|principle|response|draft)\"", inner)
        )
        if template or MARK.search(inner):
            return block.group(0)
        if language and "\n" not in block.group(0):
            inner = language + " " + inner
        fences.append(Section("material", inner, True))
        return f"\n\ue000{len(fences) - 1}\ue001\n"

    def lift_between(block: re.Match[str]) -> str:
        opener, inner, closer = block.groups()
        if (
            _PAIRS.get(opener[0], opener[0]) != closer[0]
            or MARK.search(inner)
            or any(labels.opening(line, Section(None, ""), {"options"}) for line in inner.split("\n")[:1])
        ):
            return block.group(0)
        fences.append(Section("material", inner, True))
        return f"\n\ue000{len(fences) - 1}\ue001\n"

    return _DELIMITER.sub(lift_between, _BLOCK.sub(lift, text))
