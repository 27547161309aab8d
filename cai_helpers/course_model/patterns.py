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

from .reading import Document, Sentence, expand, stem

CONTEXTS = ("refusal", "negation", "warning", "report", "debunk", "question", "quote")
_GAP = 4
_FREE = frozenset(
    [
        "a",
        "an",
        "the",
        "your",
        "my",
        "his",
        "her",
        "their",
        "our",
        "its",
        "this",
        "that",
        "these",
        "those",
        "some",
        "any",
        "very",
        "really",
        "so",
        "just",
        "all",
        "own",
        "please",
        "simply",
        "even",
        "of",
    ]
)
_FAR = 8
_WINDOW = 9


class PatternError(ValueError):
    """A pattern that cannot be compiled; the message says what to mend."""


@dataclass
class Item:
    """One place of a pattern: the atoms (words and concepts) of which one must stand there."""

    atoms: tuple[int, ...]
    glued: bool = False
    told: bool = False
    far: bool = False


@dataclass
class Pattern:
    """A pattern; its parts are compiled when a sentence first holds its rarest item."""

    source: str
    facet: int
    counts_in: frozenset[str] = frozenset()
    regex: re.Pattern[str] | None = None
    body: str = ""
    scope: str = ""
    compiled: bool = False
    parts: list[list[Item]] = field(default_factory=list)
    elsewhere: list[list[Item]] = field(default_factory=list)
    absent: list[tuple[int, ...]] = field(default_factory=list)


class Lexicon:
    """All concepts and all words that patterns name: each is an atom, found in a sentence in one pass.

    `scopes` are name spaces: "" for the shared concepts, the family id for a family's own.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.members: dict[str, list[str]] = {}
        self.sizes: dict[str, int] = {}
        self._atoms: dict[str, int] = {}
        self._by_stem: dict[str, list[int]] = {}
        self._by_word: dict[str, list[int]] = {}
        self._by_prefix: dict[str, list[int]] = {}
        self._phrases: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._kinds: dict[str, int] = {}
        self._seen: dict[tuple[str, str], tuple[int, ...]] = {}
        self.version = 0

    def add_concepts(self, scope: str, concepts: dict[str, list[str]]) -> None:
        """Enter word lists; in another list "@name" stands for all the words of "name"."""
        for name, entries in concepts.items():
            key = f"{scope}_{name}" if scope else name
            self.members[key] = entries
        for name in concepts:
            key = f"{scope}_{name}" if scope else name
            atom = self._new(key)
            words = self._open(key, scope, ())
            self.sizes[key] = len(words)
            for word in words:
                self._enter(word, atom)

    def _new(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = len(self.names)
            self.names.append(name)
        return self._atoms[name]

    def concept(self, name: str, scope: str) -> str:
        """Full name of the concept that "@name" means inside a family. Raises PatternError when unknown."""
        for key in (f"{scope}_{name}", name):
            if key in self.members:
                return key
        raise PatternError(f'the concept "@{name}" is not defined: add it to "concepts" or mend the name')

    def _open(self, key: str, scope: str, above: tuple[str, ...]) -> list[str]:
        if key in above:
            raise PatternError(f'the concept "@{key}" contains itself: take it out of its own list')
        words: list[str] = []
        for entry in self.members[key]:
            if entry[0] == "@":
                words += self._open(self.concept(entry[1:], scope), scope, (*above, key))
            else:
                words.append(entry)
        return words

    def atom(self, alternative: str, scope: str) -> int:
        """Number of the atom for one choice of an item: "word", "two_words", "stem*", "=form", "#kind", "@concept"."""
        if alternative[0] == "@":
            return self._atoms[self.concept(alternative[1:], scope)]
        name = "'" + alternative
        found = self._atoms.get(name)
        if found is None:
            found = self._new(name)
            self._enter(alternative, found)
            self._seen.clear()
            self.version += 1
        return found

    def _enter(self, word: str, atom: int) -> None:
        if word[0] == "#":
            if word not in KINDS:
                raise PatternError(f'"{word}" is not a kind of word: use one of {", ".join(sorted(KINDS))}')
            self._kinds[word] = self._new("'" + word)
            if self.names[atom] != "'" + word:
                raise PatternError(f'"{word}" cannot stand in a concept: write it beside the concept in the pattern')
        elif word[-1] == "*":
            if len(word) < 4:
                raise PatternError(f'"{word}" is too short: give at least three letters before "*"')
            self._by_prefix.setdefault(word[:-1].lower(), []).append(atom)
        elif word[0] == "=":
            self._by_word.setdefault(word[1:].lower(), []).append(atom)
        elif "_" in word or " " in word or "'" in word or "-" in word:
            self._enter_phrase(word, atom)
        else:
            self._by_stem.setdefault(stem(word.lower()), []).append(atom)

    def _enter_phrase(self, phrase: str, atom: int) -> None:
        parts = phrase.lower().replace("_", " ").replace("-", " ").split()
        stems = tuple(stem(word) for part in parts for word in expand(part))
        if len(stems) == 1:
            self._by_stem.setdefault(stems[0], []).append(atom)
        elif stems:
            self._phrases.setdefault(stems[0], []).append((stems, atom))

    def _of_word(self, word: str, root: str) -> tuple[int, ...]:
        key = (word, root)
        found = self._seen.get(key)
        if found is None:
            atoms = self._by_stem.get(root, []) + self._by_word.get(word, [])
            for length in range(3, len(word) + 1):
                atoms += self._by_prefix.get(word[:length], [])
            found = tuple(dict.fromkeys(atoms))
            if len(self._seen) > 30000:
                self._seen.clear()
            self._seen[key] = found
        return found

    def places(self, sentence: Sentence) -> dict[int, list[tuple[int, int]]]:
        """Atom -> word spans (first, last) where it occurs in the sentence."""
        places: dict[int, list[tuple[int, int]]] = {}
        stems = sentence.stems
        for at, (word, root) in enumerate(zip(sentence.words, stems, strict=False)):
            span = (at, at)
            for atom in self._of_word(word, root):
                if atom in places:
                    places[atom].append(span)
                else:
                    places[atom] = [span]
            for phrase, atom in self._phrases.get(root, ()):
                last = at + len(phrase)
                if stems[at + 1] == phrase[1] if at + 1 < len(stems) else False:
                    if tuple(stems[at:last]) == phrase:
                        places.setdefault(atom, []).append((at, last - 1))
        for kind, atom in self._kinds.items():
            spans = KINDS[kind](sentence)
            if spans:
                places[atom] = spans
        return places


# ---------------------------------------------------------------- kinds of words

_NUMBER_WORDS = frozenset(
    [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "fifteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "million",
        "dozen",
        "double",
        "triple",
        "twice",
        "half",
    ]
)
_NOT_NAMES = frozenset(
    [
        "i",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "english",
        "french",
        "german",
        "spanish",
        "italian",
        "american",
        "british",
        "european",
        "african",
        "asian",
        "google",
        "facebook",
        "instagram",
        "whatsapp",
        "internet",
        "ok",
        "id",
        "it",
        "pin",
        "tv",
        "usb",
        "gps",
        "vpn",
        "dna",
        "api",
        "sql",
        "url",
        "covid",
        "ai",
        "ceo",
        "hr",
        "faq",
        "pdf",
        "nasa",
        "who",
        "fda",
        "irs",
        "dr",
        "mr",
        "mrs",
        "ms",
        "the",
        "a",
        "an",
        "this",
        "that",
        "these",
        "those",
        "he",
        "she",
        "they",
        "we",
        "you",
        "it",
        "its",
        "your",
        "my",
        "his",
        "her",
        "our",
        "their",
        "if",
        "when",
        "while",
        "as",
        "at",
        "in",
        "on",
        "by",
        "for",
        "from",
        "to",
        "with",
        "and",
        "or",
        "but",
        "so",
        "yes",
        "no",
        "not",
        "never",
        "always",
        "please",
        "first",
        "second",
        "third",
        "then",
        "next",
        "finally",
        "also",
        "just",
        "simply",
        "do",
        "don",
        "does",
        "did",
        "is",
        "are",
        "was",
        "were",
        "be",
        "have",
        "has",
        "had",
        "can",
        "could",
        "will",
        "would",
        "should",
        "may",
        "might",
        "must",
        "let",
        "make",
        "take",
        "get",
        "give",
        "go",
        "tell",
        "ask",
        "say",
        "call",
        "use",
        "try",
        "put",
        "keep",
        "look",
        "find",
        "check",
        "send",
        "write",
        "what",
        "who",
        "where",
        "why",
        "how",
        "which",
        "there",
        "here",
        "all",
        "any",
        "some",
        "most",
        "many",
        "every",
        "each",
        "everyone",
        "someone",
        "people",
        "after",
        "before",
        "once",
        "until",
        "because",
        "since",
        "although",
        "though",
        "however",
        "instead",
        "only",
        "even",
        "note",
        "remember",
        "sure",
        "thanks",
        "thank",
        "sorry",
        "hello",
        "hi",
        "dear",
        "great",
        "good",
        "well",
    ]
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


_CURRENCY = frozenset(
    [
        "dollar",
        "dollars",
        "euro",
        "euros",
        "pound",
        "pounds",
        "bucks",
        "usd",
        "eur",
        "gbp",
        "cent",
        "cents",
        "pence",
        "yen",
        "francs",
        "rupees",
    ]
)


def _percents(sentence: Sentence) -> list[tuple[int, int]]:
    spans = []
    for i, w in enumerate(sentence.words):
        if w[-1] == "%" or (w in ("percent", "percentage") and i and sentence.words[i - 1] in _NUMBER_WORDS):
            spans.append((i, i))
        elif i and w in ("percent", "per") and sentence.words[i - 1][0].isdigit():
            if w == "percent" or sentence.words[i + 1 : i + 2] == ["cent"]:
                spans.append((i - 1, i))
    return spans


def _names(sentence: Sentence) -> list[tuple[int, int]]:
    """Capitalised words that look like the name of a person or place; a first word needs a second one."""
    spans = []
    words, caps, starts = sentence.words, sentence.caps, sentence.starts
    for i, word in enumerate(words):
        if not caps[i] or word in _NOT_NAMES or len(word) < 2 or (i and starts[i] == starts[i - 1]):
            continue
        raw = sentence.raw[starts[i] : sentence.ends[i]]
        if raw.isupper() and len(raw) > 1:
            continue
        first = i == 0 or any(c in sentence.gaps[i] for c in '.!?:"') or "\n" in sentence.gaps[i]
        paired = i + 1 < len(words) and caps[i + 1] and words[i + 1] not in _NOT_NAMES and sentence.gaps[i + 1] == " "
        owner = raw.endswith("'s")
        titled = i and words[i - 1] in ("mr", "mrs", "ms", "miss", "dr")
        if not first or paired or owner or titled:
            spans.append((i, i))
    return spans


KINDS = {"#number": _numbers, "#money": _money, "#percent": _percents, "#name": _names}


# ---------------------------------------------------------------- told to the reader

_BEFORE_TOLD = frozenset(
    [
        "you",
        "can",
        "could",
        "should",
        "must",
        "may",
        "might",
        "to",
        "just",
        "then",
        "simply",
        "and",
        "or",
        "first",
        "next",
        "now",
        "please",
        "also",
        "always",
        "quietly",
        "then",
        "secretly",
        "instead",
        "finally",
        "even",
        "directly",
        "carefully",
        "slowly",
        "quickly",
        "only",
        "maybe",
        "perhaps",
        "ok",
        "okay",
        "well",
        "sure",
        "yes",
        "easily",
        "will",
        "would",
        "let",
        "do",
        "or",
        "better",
        "gonna",
        "ll",
        "definitely",
        "and/or",
        "afterwards",
        "later",
        "step",
        "after",
        "but",
        "so",
        "either",
        "try",
        "have",
        "need",
        "people",
        "some",
        "we",
        "us",
        "both",
        "really",
        "never",
        "not",
    ]
)
_BEFORE_ING = frozenset(
    [
        "by",
        "try",
        "recommend",
        "suggest",
        "start",
        "consider",
        "keep",
        "about",
        "of",
        "begin",
        "for",
        "with",
        "in",
        "advise",
        "like",
        "is",
        "be",
        "and",
        "or",
        "just",
        "then",
    ]
)
_OTHER_SUBJECT = frozenset(["he", "she", "it", "they", "who", "which", "that", "one"])


def is_told(sentence: Sentence, at: int) -> bool:
    """Is the word an instruction or suggestion to the reader, not a report about somebody else?"""
    if at == 0:
        return True
    word, before, gap = sentence.words[at], sentence.words[at - 1], sentence.gaps[at]
    if word.endswith(("ed",)) and before not in ("you", "and"):
        return False
    if any(c in gap for c in ',;:.!?-("\n') or "'" in gap:
        return True
    if word.endswith("ing"):
        return before in _BEFORE_ING or before.endswith("ly")
    if before in _BEFORE_TOLD or (before.endswith("ly") and len(before) > 4):
        return not (set(sentence.words[max(0, at - 3) : at]) & _OTHER_SUBJECT and "you" not in sentence.words[:at])
    return False


# ---------------------------------------------------------------- compiling

_FLAGS = re.compile(r"^\s*\[([a-z, ]+)\]\s*")


def read_pattern(source: str, facet: int, scope: str, counts_in: frozenset[str] = frozenset()) -> Pattern:
    """Take in one line of a concept file without compiling its parts. Raises PatternError with what to mend."""
    text = source.strip()
    if text[:1] == "[":
        flags = _FLAGS.match(text)
        if not flags:
            raise PatternError(f'"{source}" opens "[" but does not close it: write for example [negation] in front')
        text = text[flags.end() :]
        counts_in = counts_in | _contexts(flags.group(1), source)
    pattern = Pattern(source, facet, counts_in, body=text, scope=scope)
    if text.startswith("/"):
        pattern.regex = _regex(text, source)
        pattern.compiled = True
    return pattern


def rarest(pattern: Pattern, lexicon: Lexicon) -> tuple[int, ...]:
    """Atoms of the item with the fewest words: only sentences that hold one of them need a try."""
    best, fewest = "", 10**6
    for word in pattern.body.split(" && ")[0].split():
        if word[0] in "!&." or word == "&":
            continue
        word = word.lstrip("+^")
        size = 2 + 2 * word.count("|")
        if "@" in word:
            size += sum(_size(choice, lexicon, pattern.scope) for choice in word.split("|") if choice[:1] == "@")
        if size < fewest:
            best, fewest = word, size
    if not best:
        raise PatternError(f'"{pattern.source}" names nothing to look for: add at least one word')
    return _atoms(best, lexicon, pattern)


def _size(choice: str, lexicon: Lexicon, scope: str) -> int:
    return 2 * lexicon.sizes[lexicon.concept(choice[1:], scope)]


def compile_pattern(pattern: Pattern, lexicon: Lexicon) -> None:
    """Compile the parts of a pattern (once). Raises PatternError with what to mend."""
    pattern.compiled = True
    for number, chunk in enumerate(pattern.body.split(" && ")):
        for part in chunk.split(" & "):
            items = _part(part, lexicon, pattern)
            if items:
                (pattern.elsewhere if number else pattern.parts).append(items)
    if not pattern.parts:
        raise PatternError(f'"{pattern.source}" names nothing to look for: add at least one word')


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


def _atoms(word: str, lexicon: Lexicon, pattern: Pattern) -> tuple[int, ...]:
    if not all(word.split("|")):
        raise PatternError(f'an empty choice in "{pattern.source}": take out the extra "|"')
    return tuple(lexicon.atom(choice, pattern.scope) for choice in word.split("|"))


def _part(part: str, lexicon: Lexicon, pattern: Pattern) -> list[Item]:
    items: list[Item] = []
    far = False
    for word in part.split():
        if word == "...":
            far = True
            continue
        if word in ("&", "&&", "|"):
            raise PatternError(f'"{pattern.source}" has a loose "{word}": put words on both sides of it')
        if word[0] == "!":
            pattern.absent.append(_atoms(word[1:], lexicon, pattern))
            continue
        glued = told = False
        while word[0] in "+^" and len(word) > 1:
            glued, told = glued or word[0] == "+", told or word[0] == "^"
            word = word[1:]
        items.append(Item(_atoms(word, lexicon, pattern), glued, told, far))
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
    for atoms in pattern.absent:
        if any(atom in places for atom in atoms):
            return []
    for part in pattern.elsewhere:
        if not all(any(atom in elsewhere for atom in item.atoms) for item in part):
            return []
    spans = _spans(pattern, places)
    if spans is None:
        return []
    out = []
    for head in _all_of(pattern.parts[0], spans[0], sentence):
        words = _with_others(head, pattern.parts[1:], spans[1:], sentence)
        if words is not None:
            out.append(words)
    return out


Spans = list[list[tuple[int, int]]]


def _spans(pattern: Pattern, places: Places) -> list[Spans] | None:
    """The places of every item of every part, or None when an item does not occur."""
    out = []
    for part in pattern.parts:
        row: Spans = []
        for item in part:
            present = [atom for atom in item.atoms if atom in places]
            if not present:
                return None
            row.append(
                places[present[0]] if len(present) == 1 else sorted(span for atom in present for span in places[atom])
            )
        out.append(row)
    return out


def _all_of(part: list[Item], spans: Spans, sentence: Sentence) -> list[list[int]]:
    """All matches of one part, one for each place where it can begin."""
    out = []
    for span in spans[0]:
        if part[0].told and not is_told(sentence, span[0]):
            continue
        rest = _match_part(part, spans, 1, span[1], sentence)
        if rest is not None:
            out.append([*range(span[0], span[1] + 1), *rest])
    return out


def _with_others(head: list[int], others: list[list[Item]], spans: list[Spans], sentence: Sentence) -> list[int] | None:
    """Add to a first part a match of every other part that is not far from it and uses other words."""
    words = list(head)
    for part, row in zip(others, spans, strict=False):
        low, high = min(words), max(words)
        for found in _all_of(part, row, sentence):
            apart = max(found[0] - high, low - found[-1])
            if apart <= _WINDOW and not set(found) <= set(words):
                words += found
                break
        else:
            return None
    return words


def _match_part(part: list[Item], spans: Spans, number: int, last: int, sentence: Sentence) -> list[int] | None:
    if number == len(part):
        return []
    item = part[number]
    for start, end in spans[number]:
        if start <= last or not _near(item, last, start, sentence):
            continue
        if item.told and not is_told(sentence, start):
            continue
        rest = _match_part(part, spans, number + 1, end, sentence)
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
    """Places of every sentence, kept with the document so that a second look is free.

    A sentence that another text holds too (a draft and its revision) is not searched again.
    """
    if document.cache.get("version") != lexicon.version:
        document.cache["version"] = lexicon.version
        document.cache["places"] = [_known_places(lexicon, sentence) for sentence in document.sentences]
    return document.cache["places"]


_KEPT_SENTENCES = 4000
_kept_places: dict[tuple[int, int, str], Places] = {}


def _known_places(lexicon: Lexicon, sentence: Sentence) -> Places:
    key = (id(lexicon), lexicon.version, sentence.text)
    if key not in _kept_places:
        if len(_kept_places) >= _KEPT_SENTENCES:
            _kept_places.clear()
        _kept_places[key] = lexicon.places(sentence)
    return _kept_places[key]
