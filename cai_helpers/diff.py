"""What changed from one text to another, by words, and where quoted words stand in a text.

Both give a list of pieces that, put together, are the texts themselves: nothing is lost or made up.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

from cai_helpers.verdict import plain

WORD = re.compile(r"(\w+(?:['’-]\w+)*|[^\w\s]|^(?=\s))(\s*)")


class Piece(NamedTuple):
    """A stretch of text. kind "quoted": `names` tells who quotes it. "same": in both texts, or not quoted."""

    kind: Literal["same", "removed", "added", "quoted"]
    text: str
    names: tuple[str, ...] = ()


class Stretch(NamedTuple):
    """The same place in two texts."""

    same: bool
    before: str
    after: str


def word_diff(before: str, after: str) -> list[Piece]:
    """How one text becomes the other. Without the added pieces it is `before`, without the removed `after`."""
    for text in (before, after):
        if not isinstance(text, str):
            raise ValueError(f"A difference is shown between two texts; {type(text).__name__} is not a text.")
    pieces = []
    found = take_in_small(take_in_small(stretches(before, after)))  # again: changes may have grown together
    for same, old, new in merge(trim_ends(slide(found))):
        pieces += [Piece("same", old)] if same else [Piece("removed", old), Piece("added", new)]
    return [piece for piece in pieces if piece.text]


def stretches(before: str, after: str) -> list[Stretch]:
    """Equal and different stretches. White space after a word may differ while the word is equal."""
    old, new = WORD.findall(before), WORD.findall(after)
    matcher = difflib.SequenceMatcher(None, [w for w, _ in old], [w for w, _ in new], autojunk=False)
    found = []
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            found.append(Stretch(False, join(old[a:b]), join(new[c:d])))
            continue
        for (word, space), (_, new_space) in zip(old[a:b], new[c:d], strict=True):
            if space == new_space:
                found.append(Stretch(True, word + space, word + space))
            else:
                found += [Stretch(True, word, word), Stretch(False, space, new_space)]
    return merge(found)


def join(words: list[tuple[str, str]]) -> str:
    return "".join(word + space for word, space in words)


def merge(found: list[Stretch]) -> list[Stretch]:
    """The same stretches, with neighbours of one kind put together."""
    return [
        Stretch(same, "".join(s.before for s in group), "".join(s.after for s in group))
        for same, group in ((same, list(group)) for same, group in groupby(found, lambda s: s.same))
    ]


def take_in_small(found: list[Stretch]) -> list[Stretch]:
    """One or two equal words between longer changes become part of them.

    A sentence that was rewritten then reads as one change, not as a dozen around "the" and "to". What is longer stays
    apart: words that were kept must show as kept. So does the end of a sentence, unless the changes are far longer.
    """
    sizes = [max(len(WORD.findall(s.before)), len(WORD.findall(s.after))) for s in found]

    def is_small(i: int) -> bool:
        times = 4 if re.search(r"[.!?\n]", found[i].before) else 1
        return found[i].same and sizes[i] <= 2 and times * sizes[i] < min(sizes[i - 1], sizes[i + 1])

    small = set(filter(is_small, range(1, len(found) - 1)))
    return merge([s._replace(same=s.same and i not in small) for i, s in enumerate(found)])


def slide(found: list[Stretch]) -> list[Stretch]:
    """Where a whole sentence came or went, the change begins with its first word.

    Without this it would often begin with the full stop of the sentence before, which is as right but odd to read.
    """
    found = list(found)
    for i in range(1, len(found) - 1):
        before, change, after = found[i - 1 : i + 2]
        text = change.before or change.after
        if change.same or (change.before and change.after) or ends_sentence(before.before):
            continue
        moved = first_sentence_end(WORD.findall(text), WORD.findall(after.before))
        turned = text[len(moved) :] + moved
        found[i - 1] = Stretch(True, before.before + moved, before.after + moved)
        found[i] = Stretch(False, turned if change.before else "", turned if change.after else "")
        found[i + 1] = Stretch(True, after.before[len(moved) :], after.after[len(moved) :])
    return found


def first_sentence_end(words: list[tuple[str, str]], others: list[tuple[str, str]]) -> str:
    """What both begin with, up to the first end of a sentence; "" where that is nothing."""
    for count, (word, other) in enumerate(zip(words, others, strict=False), 1):
        if word != other:
            break
        if ends_sentence(join(words[:count])):
            return join(words[:count])
    return ""


def ends_sentence(text: str) -> bool:
    return text.endswith("\n") or text.rstrip()[-1:] in (".", "!", "?")


def trim_ends(found: list[Stretch]) -> list[Stretch]:
    """White space that both sides of a change end with is no part of the change."""
    trimmed = []
    for same, old, new in found:
        space = "" if same else old[len(old.rstrip()) :]
        while not new.endswith(space):
            space = space[1:]
        trimmed.append(Stretch(same, old.removesuffix(space), new.removesuffix(space)))
        trimmed += [Stretch(True, space, space)] if space else []
    return trimmed


Marks = Mapping[str, tuple[str, str]]


def diff_text(before: str, after: str) -> str:
    """The difference as one text: `[-removed-]` and `{+added+}`, everything else as it is.

    Where the texts hold such a mark themselves, all marks grow (`[--removed--]`) and stay unmistakable.
    """
    pieces = word_diff(before, after)
    marks = marks_for(pieces)
    return "".join(marked(piece, marks) for piece in pieces)


def marks_for(pieces: list[Piece]) -> Marks:
    """What stands before and after each kind of piece: signs that the text itself does not hold."""
    texts = ["".join(p.text for p in pieces if p.kind != left_out) for left_out in ("", "added", "removed")]
    size = 1
    while True:
        minus, plus, more, less = (sign * size for sign in "-+><")
        marks = {"removed": ("[" + minus, minus + "]"), "added": ("{" + plus, plus + "}")}
        marks["quoted"] = (">" + more, less + "<")
        if not any(sign in text for pair in marks.values() for sign in pair for text in texts):
            return marks
        size += 1


def marked(piece: Piece, marks: Marks) -> str:
    """A piece between its marks; after quoted words, who quotes them."""
    before, after = marks.get(piece.kind, ("", ""))
    return before + piece.text + after + (" " + names_of(piece) if piece.names else "")


def names_of(piece: Piece) -> str:
    return f"[{', '.join(piece.names)}]"


def mark_quotes(text: str, quotes: Iterable[tuple[str, str]]) -> list[Piece]:
    """The text with the quoted words apart. quotes: (name, quote); one that is not in the text marks nothing."""
    spans = [(start, end, name) for name, quote in quotes for start, end in find_words(quote, text)]
    edges = sorted({0, len(text)}.union(*({start, end} for start, end, _ in spans)))
    pieces = []
    for start, end in pairwise(edges):
        names = dict.fromkeys(name for a, b, name in spans if a <= start and end <= b)
        pieces.append(Piece("quoted" if names else "same", text[start:end], tuple(names)))
    return pieces


def find_words(quote: str, text: str) -> list[tuple[int, int]]:
    """Where quoted words stand: (start, end) of each part between "..."; [] unless all stand there in order.

    White space, case, quote marks and emphasis do not count, as in `verdict.quote_in`.
    """
    flat, origin = flatten(text)
    place, spans = 0, []
    for part in filter(None, (plain(part) for part in re.split(r"\[?(?:\.\.\.|…)\]?", quote))):
        if not re.search(r"\w", part):
            continue
        place = flat.find(part, place)
        if place < 0:
            return []
        spans.append((origin[place][0], origin[place + len(part) - 1][1]))
        place += len(part)
    return spans


def flatten(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text as `verdict.plain` writes it, and for each of its characters where it comes from."""
    flat: list[str] = []
    origin: list[tuple[int, int]] = []
    for letter in re.finditer(r"(?s).[\u0300-\u036f]*", text):  # with the accents that follow it
        for character in plain(letter[0]) or " " * letter[0].isspace():
            if character != " " or flat[-1:] != [" "]:
                flat.append(character)
                origin.append(letter.span())
    return "".join(flat), origin
