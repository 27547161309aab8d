"""The small pattern language of the concept files: compiling and matching.

    make|get @person feel guilty|bad      items in order, up to four words between two items
    @bleach & @acid & mix*                parts in any order, within nine words of each other
    ^pour|mix @bleach && @acid            && : the second part anywhere in the text or in the prompt
    ^word    told to the reader (imperative, "you can", "try ...ing")
    +word    directly after the item before it (articles may stand between)
    ... word up to eight words later
    !word    must not occur in the sentence
    =word    this form only      stem*  begins with      two_words  side by side
    #number #money #percent #name        kinds of words
    [negation] [question] [quote] [any]  in front: contexts that do not excuse this pattern
    /regex/                              a regular expression on the text itself
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .reading import Document, Sentence, stem

CONTEXTS = ("refusal", "negation", "warning", "report", "debunk", "question", "quote")
_GAP = 4
_FREE = frozenset("a an the your my his her their our its this that these those some any very really so just "
                  "all own please simply even of".split())
_FAR = 8
_WINDOW = 9


class PatternError(ValueError):
    """A pattern that cannot be compiled; the message says what to mend."""


@dataclass
class Item:
    ident: int
    glued: bool = False
    told: bool = False
    far: bool = False


@dataclass
class Pattern:
    source: str
    facet: int
    parts: list[list[Item]] = field(default_factory=list)
    elsewhere: list[list[Item]] = field(default_factory=list)
    absent: list[int] = field(default_factory=list)
    counts_in: frozenset[str] = frozenset()
    regex: re.Pattern[str] | None = None
    key: int = -1


class Lexicon:
    """The items of one family: which words lead to which items."""

    def __init__(self, concepts: dict[str, list[str]]):
        self.concepts = concepts
        self.idents: dict[str, int] = {}
        self.sizes: list[int] = []
        self.by_stem: dict[str, list[int]] = {}
        self.by_word: dict[str, list[int]] = {}
        self.by_prefix: dict[str, list[int]] = {}
        self.by_kind: dict[str, list[int]] = {}
        self.phrases: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._words_seen: dict[tuple[str, str], tuple[int, ...]] = {}

    def item(self, text: str) -> int:
        """Number of the item written as `text` ("make|get", "@person"); made at first use."""
        if text not in self.idents:
            ident = self.idents[text] = len(self.sizes)
            alternatives = self.flatten(text, ())
            self.sizes.append(len(alternatives))
            for alternative in alternatives:
                self._enter(alternative, ident)
        return self.idents[text]

    def flatten(self, text: str, above: tuple[str, ...]) -> set[str]:
        """All words behind an item, concepts opened."""
        words: set[str] = set()
        for alternative in text.split("|"):
            if not alternative:
                raise PatternError(f'an empty choice in "{text}": take out the extra "|"')
            if alternative[0] != "@":
                words.add(alternative)
                continue
            name = alternative[1:]
            if name not in self.concepts:
                raise PatternError(f'the concept "@{name}" is not defined: add it to "concepts" or mend the name')
            if name in above:
                raise PatternError(f'the concept "@{name}" contains itself: take it out of its own list')
            for entry in self.concepts[name]:
                words |= self.flatten(entry.replace(" ", "_"), (*above, name))
        return words

    def _enter(self, alternative: str, ident: int) -> None:
        if alternative[0] == "#":
            if alternative not in KINDS:
                raise PatternError(f'"{alternative}" is not a kind of word: use one of {", ".join(sorted(KINDS))}')
            self.by_kind.setdefault(alternative, []).append(ident)
        elif alternative.endswith("*"):
            if len(alternative) < 4:
                raise PatternError(f'"{alternative}" is too short: give at least three letters before "*"')
            self.by_prefix.setdefault(alternative[:-1].lower(), []).append(ident)
        elif "_" in alternative:
            stems = tuple(_stems(alternative))
            self.phrases.setdefault(stems[0], []).append((stems, ident))
        elif alternative[0] == "=":
            self.by_word.setdefault(alternative[1:].lower(), []).append(ident)
        else:
            for one in _stems(alternative):
                self.by_stem.setdefault(one, []).append(ident)

    def _of_word(self, word: str, root: str) -> tuple[int, ...]:
        key = (word, root)
        found = self._words_seen.get(key)
        if found is None:
            idents = self.by_stem.get(root, []) + self.by_word.get(word, [])
            for length in range(3, len(word) + 1):
                idents += self.by_prefix.get(word[:length], [])
            found = tuple(dict.fromkeys(idents))
            if len(self._words_seen) > 30000:
                self._words_seen.clear()
            self._words_seen[key] = found
        return found

    def places(self, sentence: Sentence) -> dict[int, list[tuple[int, int]]]:
        """Item number -> word spans (first, last) where it occurs in the sentence."""
        places: dict[int, list[tuple[int, int]]] = {}
        stems = sentence.stems
        for at, (word, root) in enumerate(zip(sentence.words, stems)):
            for ident in self._of_word(word, root):
                places.setdefault(ident, []).append((at, at))
            for phrase, ident in self.phrases.get(root, ()):
                last = at + len(phrase)
                if tuple(stems[at:last]) == phrase:
                    places.setdefault(ident, []).append((at, last - 1))
        for kind, idents in self.by_kind.items():
            spans = KINDS[kind](sentence)
            for ident in idents if spans else ():
                places.setdefault(ident, []).extend(spans)
                places[ident].sort()
        return places


def _stems(phrase: str) -> list[str]:
    from .reading import _expand

    return [stem(word) for part in phrase.lower().split("_") if part for word in _expand(part)]


# ---------------------------------------------------------------- kinds of words

_NUMBER_WORDS = frozenset("one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty "
                          "fifty sixty seventy eighty ninety hundred thousand million dozen double triple twice half".split())
_NOT_NAMES = frozenset(
    "i monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december english french german spanish italian american british european african asian "
    "google facebook instagram whatsapp internet ok id it pin tv usb gps vpn dna api sql url covid ai ceo hr faq pdf "
    "nasa who fda irs dr mr mrs ms the a an this that these those he she they we you it its your my his her our their "
    "if when while as at in on by for from to with and or but so yes no not never always please first second third then "
    "next finally also just simply do don does did is are was were be have has had can could will would should may might "
    "must let make take get give go tell ask say call use try put keep look find check send write what who where why how "
    "which there here all any some most many every each everyone someone people after before once until because since "
    "although though however instead only even note remember sure thanks thank sorry hello hi dear great good well".split()
)


def _numbers(sentence: Sentence) -> list[tuple[int, int]]:
    return [(i, i) for i, w in enumerate(sentence.words) if w[0].isdigit() or w in _NUMBER_WORDS]


def _money(sentence: Sentence) -> list[tuple[int, int]]:
    spans = []
    for i, w in enumerate(sentence.words):
        if w[0] in "$\u20ac\u00a3":
            spans.append((i, i))
        elif i and w in _CURRENCY and (sentence.words[i - 1][0].isdigit() or sentence.words[i - 1] in _NUMBER_WORDS):
            spans.append((i - 1, i))
    return spans


_CURRENCY = frozenset("dollar dollars euro euros pound pounds bucks usd eur gbp cent cents pence yen francs rupees".split())


def _percents(sentence: Sentence) -> list[tuple[int, int]]:
    spans = []
    for i, w in enumerate(sentence.words):
        if w[-1] == "%" or (w in ("percent", "percentage") and i and sentence.words[i - 1] in _NUMBER_WORDS):
            spans.append((i, i))
        elif i and w in ("percent", "per") and sentence.words[i - 1][0].isdigit():
            if w == "percent" or sentence.words[i + 1:i + 2] == ["cent"]:
                spans.append((i - 1, i))
    return spans


def _names(sentence: Sentence) -> list[tuple[int, int]]:
    """Capitalised words that look like the name of a person or place; a first word needs a second one."""
    spans = []
    words, caps, starts = sentence.words, sentence.caps, sentence.starts
    for i, word in enumerate(words):
        if not caps[i] or word in _NOT_NAMES or len(word) < 2 or (i and starts[i] == starts[i - 1]):
            continue
        raw = sentence.raw[starts[i]:sentence.ends[i]]
        if raw.isupper() and len(raw) > 1:
            continue
        first = i == 0 or any(c in sentence.gaps[i] for c in ".!?:\"") or "\n" in sentence.gaps[i]
        paired = i + 1 < len(words) and caps[i + 1] and words[i + 1] not in _NOT_NAMES and sentence.gaps[i + 1] == " "
        owner = raw.endswith("'s")
        titled = i and words[i - 1] in ("mr", "mrs", "ms", "miss", "dr")
        if not first or paired or owner or titled:
            spans.append((i, i))
    return spans


KINDS = {"#number": _numbers, "#money": _money, "#percent": _percents, "#name": _names}


# ---------------------------------------------------------------- told to the reader

_BEFORE_TOLD = frozenset(
    "you can could should must may might to just then simply and or first next now please also always quietly then "
    "secretly instead finally even directly carefully slowly quickly only maybe perhaps ok okay well sure yes easily "
    "will would let do or better gonna ll definitely and/or afterwards later step after but so either try have need "
    "people some we us both really never not".split()
)
_BEFORE_ING = frozenset("by try recommend suggest start consider keep about of begin for with in advise like is be "
                        "and or just then".split())
_OTHER_SUBJECT = frozenset("he she it they who which that one".split())


def is_told(sentence: Sentence, at: int) -> bool:
    """Is the word an instruction or suggestion to the reader, not a report about somebody else?"""
    if at == 0:
        return True
    word, before, gap = sentence.words[at], sentence.words[at - 1], sentence.gaps[at]
    if word.endswith(("ed",)) and before not in ("you", "and"):
        return False
    if any(c in gap for c in ",;:.!?-(\"\n") or "'" in gap:
        return True
    if word.endswith("ing"):
        return before in _BEFORE_ING or before.endswith("ly")
    if before in _BEFORE_TOLD or (before.endswith("ly") and len(before) > 4):
        return not (set(sentence.words[max(0, at - 3):at]) & _OTHER_SUBJECT and "you" not in sentence.words[:at])
    return False


# ---------------------------------------------------------------- compiling

_FLAGS = re.compile(r"^\s*\[([a-z, ]+)\]\s*")


def compile_pattern(source: str, facet: int, lexicon: Lexicon, counts_in: frozenset[str] = frozenset()) -> Pattern:
    """Turn one line of a concept file into a Pattern. Raises PatternError with what to mend."""
    text = source.strip()
    flags = _FLAGS.match(text)
    if flags:
        text = text[flags.end():]
        counts_in = counts_in | _contexts(flags.group(1), source)
    pattern = Pattern(source, facet, counts_in=counts_in)
    if text.startswith("/"):
        pattern.regex = _regex(text, source)
        return pattern
    for number, chunk in enumerate(text.split(" && ")):
        for part in chunk.split(" & "):
            items = _part(part, lexicon, pattern, source)
            if items:
                (pattern.elsewhere if number else pattern.parts).append(items)
    if not pattern.parts:
        raise PatternError(f'"{source}" names nothing to look for: add at least one word')
    idents = [item.ident for part in pattern.parts for item in part]
    pattern.key = min(idents, key=lambda ident: lexicon.sizes[ident])
    return pattern


def _contexts(text: str, source: str) -> frozenset[str]:
    names = {name.strip() for name in text.split(",")}
    if "any" in names:
        return frozenset(CONTEXTS)
    unknown = names - set(CONTEXTS)
    if unknown:
        raise PatternError(f'"[{text}]" in "{source}" is unknown: use {", ".join(CONTEXTS)} or any')
    return frozenset(names)


def _regex(text: str, source: str) -> re.Pattern[str]:
    body, _, options = text[1:].rpartition("/")
    if not body:
        raise PatternError(f'"{source}" opens a regular expression with "/" but does not close it')
    try:
        return re.compile(body, 0 if "c" in options else re.I)
    except re.error as error:
        raise PatternError(f'"{source}" is not a good regular expression: {error}') from None


def _part(part: str, lexicon: Lexicon, pattern: Pattern, source: str) -> list[Item]:
    items: list[Item] = []
    far = False
    for word in part.split():
        if word == "...":
            far = True
            continue
        if word in ("&", "&&", "|"):
            raise PatternError(f'"{source}" has a loose "{word}": put words on both sides of it')
        if word[0] == "!":
            pattern.absent.append(lexicon.item(word[1:]))
            continue
        glued = told = False
        while word[0] in "+^" and len(word) > 1:
            glued, told = glued or word[0] == "+", told or word[0] == "^"
            word = word[1:]
        items.append(Item(lexicon.item(word), glued, told, far))
        far = False
    return items


# ---------------------------------------------------------------- matching

Places = dict[int, list[tuple[int, int]]]


def match(pattern: Pattern, sentence: Sentence, places: Places, elsewhere: set[int]) -> list[int] | None:
    """Word numbers that make the pattern true in this sentence, or None."""
    found = matches(pattern, sentence, places, elsewhere)
    return found[0] if found else None


def matches(pattern: Pattern, sentence: Sentence, places: Places, elsewhere: set[int]) -> list[list[int]]:
    """Every way to match, one for each place of the first item (an excused place must not hide another one)."""
    for ident in pattern.absent:
        if ident in places:
            return []
    for part in pattern.elsewhere:
        for item in part:
            if item.ident not in elsewhere:
                return []
    for part in pattern.parts:
        for item in part:
            if item.ident not in places:
                return []
    out = []
    for head in _all_of(pattern.parts[0], sentence, places):
        words = _with_others(head, pattern.parts[1:], sentence, places)
        if words is not None:
            out.append(words)
    return out


def _all_of(part: list[Item], sentence: Sentence, places: Places) -> list[list[int]]:
    """All matches of one part, one for each place where it can begin."""
    out = []
    for span in places[part[0].ident]:
        if part[0].told and not is_told(sentence, span[0]):
            continue
        rest = _match_part(part, 1, span[1], sentence, places)
        if rest is not None:
            out.append([*range(span[0], span[1] + 1), *rest])
    return out


def _with_others(head: list[int], others: list[list[Item]], sentence: Sentence, places: Places) -> list[int] | None:
    """Add to a first part a match of every other part that is not far from it and uses other words."""
    words = list(head)
    for part in others:
        low, high = min(words), max(words)
        for found in _all_of(part, sentence, places):
            apart = max(found[0] - high, low - found[-1])
            if apart <= _WINDOW and not set(found) <= set(words):
                words += found
                break
        else:
            return None
    return words


def _match_part(part: list[Item], number: int, last: int, sentence: Sentence, places: Places) -> list[int] | None:
    if number == len(part):
        return []
    item = part[number]
    for start, end in places.get(item.ident, ()):
        if start <= last or not _near(item, last, start, sentence):
            continue
        if item.told and not is_told(sentence, start):
            continue
        rest = _match_part(part, number + 1, end, sentence, places)
        if rest is not None:
            return [*range(start, end + 1), *rest]
    return None


def _near(item: Item, last: int, start: int, sentence: Sentence) -> bool:
    """Is the gap small enough? Articles are free; a comma counts as a word; a full stop or ";" ends it."""
    limit = _FAR if item.far else 0 if item.glued else _GAP
    if start - last > 3 * limit + 6:
        return False
    counted = 0
    for at in range(last + 1, start + 1):
        gap = sentence.gaps[at]
        if gap != " ":
            if _FULL_STOP.search(gap):
                return False
            if "," in gap and not item.glued:
                counted += 1
        if at < start and sentence.words[at] not in _FREE:
            counted += 1
    return counted <= limit


_FULL_STOP = re.compile(r"[;.!?]\s|[.!?]\"|\n\s*\n")


def in_document(lexicon: Lexicon, document: Document) -> list[Places]:
    """Places of every sentence, kept with the document so that a second look is free."""
    key = id(lexicon)
    if key not in document.cache:
        document.cache[key] = [lexicon.places(sentence) for sentence in document.sentences]
    return document.cache[key]
