"""How the critic reads a text: sentences, words and the headings that govern a list.

Every offset points into the text as it was given, so a quote taken by offsets is an exact substring.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache

# Each replacement is one character for one character: offsets stay true.
_SAME_LENGTH = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u02bc": "'",
        "\u00b4": "'",
        "`": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2011": "-",
        "\u00a0": " ",
        "\u202f": " ",
        "\u2026": ".",
    }
)

_TOKEN = re.compile(
    r"[$\u20ac\u00a3]\s?\d[\d,.]*\d|[$\u20ac\u00a3]\s?\d"  # money
    r"|\d+(?:[.,:]\d+)*\s?%|\d+(?:[.,:/]\d+)*"  # percentages, numbers
    r"|[^\W\d_]+(?:'[^\W\d_]+)*"  # words
)
_CONTRACTIONS = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "ain't": "is not",
    "let's": "let us",
    "y'all": "you all",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "have to",
    "gimme": "give me",
    "lemme": "let me",
    "dunno": "do not know",
    "cant": "can not",
    "dont": "do not",
    "doesnt": "does not",
    "didnt": "did not",
    "wont": "will not",
    "isnt": "is not",
    "youre": "you are",
    "shouldnt": "should not",
    "im": "i am",
    "ive": "i have",
    "o'clock": "o'clock",
}
_IS_CONTRACTIONS = {
    "it",
    "that",
    "there",
    "here",
    "what",
    "he",
    "she",
    "who",
    "where",
    "how",
    "everything",
    "nothing",
    "someone",
    "everyone",
    "nobody",
    "this",
    "when",
    "why",
    "one",
    "everybody",
}
_IRREGULAR = {
    "told": "tell",
    "said": "say",
    "says": "say",
    "gave": "give",
    "given": "give",
    "took": "take",
    "taken": "take",
    "went": "go",
    "gone": "go",
    "goes": "go",
    "made": "make",
    "stole": "steal",
    "stolen": "steal",
    "got": "get",
    "gotten": "get",
    "broke": "break",
    "broken": "break",
    "hid": "hide",
    "hidden": "hide",
    "lied": "lie",
    "lying": "lie",
    "lies": "lie",
    "bought": "buy",
    "sold": "sell",
    "paid": "pay",
    "sent": "send",
    "felt": "feel",
    "left": "leave",
    "kept": "keep",
    "knew": "know",
    "known": "know",
    "wrote": "writ",
    "written": "writ",
    "read": "read",
    "drank": "drink",
    "drunk": "drunk",
    "ate": "eat",
    "eaten": "eat",
    "drove": "driv",
    "driven": "driv",
    "ran": "run",
    "began": "begin",
    "begun": "begin",
    "chose": "choos",
    "chosen": "choos",
    "found": "find",
    "lost": "lose",
    "spent": "spend",
    "built": "build",
    "held": "hold",
    "meant": "mean",
    "met": "meet",
    "thought": "think",
    "brought": "bring",
    "caught": "catch",
    "taught": "teach",
    "fed": "feed",
    "led": "lead",
    "shown": "show",
    "stood": "stand",
    "understood": "understand",
    "forgot": "forget",
    "forgotten": "forget",
    "grew": "grow",
    "grown": "grow",
    "threw": "throw",
    "thrown": "throw",
    "did": "do",
    "does": "do",
    "done": "do",
    "doing": "do",
    "is": "be",
    "are": "be",
    "was": "be",
    "were": "be",
    "am": "be",
    "been": "be",
    "being": "be",
    "has": "have",
    "had": "have",
    "having": "have",
    "men": "man",
    "women": "woman",
    "children": "child",
    "kids": "kid",
    "wives": "wife",
    "lives": "live",
    "knives": "knife",
    "thieves": "thief",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "policies": "policy",
    "used": "use",
    "using": "use",
    "uses": "use",
    "dying": "die",
    "died": "die",
    "tying": "tie",
    "tied": "tie",
    "shook": "shak",
    "worse": "worse",
    "quote": "quot",
    "quoting": "quot",
    "data": "data",
    "media": "media",
    "this": "this",
    "his": "his",
    "its": "its",
    "us": "us",
    "as": "as",
    "thus": "thus",
    "yes": "yes",
    "plus": "plus",
    "news": "news",
    "always": "always",
    "perhaps": "perhaps",
    "gas": "gas",
    "gases": "gas",
    "gasses": "gas",
    "bus": "bus",
    "buses": "bus",
    "chaos": "chaos",
    "lens": "lens",
    "series": "series",
    "diabetes": "diabetes",
    "quite": "quite",
    "there": "there",
    "where": "where",
    "these": "these",
    "those": "those",
    "while": "while",
    "since": "since",
    "because": "because",
    "before": "before",
    "plane": "plane",
    "planes": "plane",
    "paste": "paste",
    "whole": "whole",
    "else": "else",
    "fake": "fake",
    "faked": "fake",
    "faking": "fake",
    "anything": "anything",
    "nothing": "nothing",
    "something": "something",
    "everything": "everything",
    "thing": "thing",
    "during": "during",
    "red": "red",
    "need": "need",
    "mixed": "mix",
    "fixed": "fix",
    "hundred": "hundred",
    "needed": "need",
    "tested": "test",
    "sister": "sister",
    "morning": "morning",
    "evening": "evening",
    "pricing": "pric",
    "king": "king",
    "ring": "ring",
    "wedding": "wedding",
    "clothing": "clothing",
    "building": "build",
    "savings": "saving",
    "saving": "saving",
    "diagnoses": "diagnos",
    "diagnosis": "diagnos",
    "analysis": "analys",
    "analyses": "analys",
    "bled": "bleed",
    "slept": "sleep",
    "bit": "bit",
    "hurt": "hurt",
    "hit": "hit",
    "cut": "cut",
    "leant": "lean",
    "spoke": "speak",
    "spoken": "speak",
    "swore": "swear",
    "sworn": "swear",
    "woke": "wake",
    "won": "win",
    "wore": "wear",
    "worn": "wear",
    "lent": "lend",
    "fought": "fight",
    "flew": "fly",
    "forging": "forg",
    "forge": "forg",
    "forged": "forg",
    "owed": "owe",
    "owing": "owe",
    "ageing": "age",
    "aging": "age",
    "aged": "age",
    "vaping": "vape",
    "vaped": "vape",
    "typing": "type",
    "typed": "type",
    "hated": "hate",
    "hating": "hate",
    "whitening": "whitening",
    "belongings": "belongings",
    "does't": "do",
    "someone": "someone",
    "anyone": "anyone",
    "everyone": "everyone",
    "none": "none",
}
_VOWELS = re.compile(r"[aeiouy]+")


@lru_cache(maxsize=20000)
def stem(word: str) -> str:
    """Cut a lower-case word to a light stem: "refunded" and "refunds" become "refund"."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or not word.isalpha():
        return word
    root = _strip_inflection(word)
    if root.endswith("our") and len(root) >= 6:
        root = root[:-3] + "or"
    if len(_VOWELS.findall(root)) > 1 and root.endswith("ll"):
        root = root[:-1]
    if len(root) >= 5 and root.endswith("e") and root not in _IRREGULAR:
        root = root[:-1]
    if len(root) >= 6 and root.endswith("iz"):
        root = root[:-2] + "is"
    return root


def _strip_inflection(word: str) -> str:
    """Take off plural -s, past -ed and -ing, and give a lost final e back to short words."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    if word.endswith("ied") and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and len(base) >= 2 and _VOWELS.search(base) and not word.endswith("eed"):
            return _restore(base)
    return word


def _restore(base: str) -> str:
    """ "mak" -> "make", "gett" -> "get", "tell" stays, "visit" stays."""
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsfz":
        return base[:-1]
    groups = _VOWELS.findall(base)
    if len(groups) == 1 and len(groups[0]) == 1 and base[-1] not in "aeiouywx" and base[-2] in "aeiouy":
        return base + "e"
    if base[-1] in "cvu" or (base.endswith(("rg", "dg", "ng")) and len(base) > 4 and base[-3] in "aeiou"):
        return base + "e"
    return base


class Sentence:
    """One sentence (or list item) with its words; scopes are worked out later, on demand."""

    __slots__ = (
        "cache",
        "caps",
        "end",
        "ends",
        "flat",
        "flat_at",
        "gaps",
        "lead",
        "listed",
        "number",
        "question",
        "raw",
        "start",
        "starts",
        "stems",
        "text",
        "words",
    )

    def __init__(self, source: str, start: int, end: int, number: int):
        self.start, self.end, self.number = start, end, number
        self.text = source[start:end]
        self.lead: Sentence | None = None
        self.listed = False
        self.cache: dict = {}
        self._read_words()
        self.question = bool(re.search(r"\?[\"')\]*_]*\s*$", self.text))

    def _read_words(self) -> None:
        plain = self.text.translate(_SAME_LENGTH)
        self.raw = plain
        self.words, self.stems, self.starts, self.ends, self.gaps, self.caps = [], [], [], [], [], []
        last = 0
        for found in _TOKEN.finditer(plain):
            token = found.group()
            gap = plain[last : found.start()]
            last = found.end()
            for word in expand(token.lower()):
                self.words.append(word)
                self.stems.append(stem(word))
                self.starts.append(found.start())
                self.ends.append(found.end())
                self.gaps.append(gap)
                self.caps.append(token[0].isupper())
                gap = " "
        self.gaps.append(plain[last:])
        self._flatten()

    def _flatten(self) -> None:
        """One string of lower-case words and single punctuation marks, for the scope expressions."""
        out, at, length = [], [], 0
        for word, gap in zip([*self.words, ""], self.gaps, strict=False):
            for mark in _marks(gap):
                out.append(mark)
                length += len(mark) + 1
            at.append(length)
            out.append(word)
            length += len(word) + 1
        self.flat = " ".join(out)
        self.flat_at = at

    def word_at(self, offset: int) -> int:
        """Index of the word that holds (or last begins before) this offset of `flat`."""
        return max(0, bisect_right(self.flat_at, offset) - 1)


def _marks(gap: str) -> list[str]:
    if gap == " " or not gap:
        return []
    marks = [c for c in gap if c in ',;:.!?()"']
    if " - " in gap or "--" in gap:
        marks.append("-")
    if "\n" in gap:
        marks.append(".") if re.search(r"\n\s*(?:\n|[-*\u2022\d#>])", gap) else None
    if re.search(r"(?:^|\s)'|'(?:\s|$|[,.!?:;])", gap):
        marks.append('"')
    return marks


@lru_cache(maxsize=20000)
def expand(token: str) -> tuple[str, ...]:
    """Contractions become their words; a possessive 's is dropped."""
    if token in _CONTRACTIONS:
        return tuple(_CONTRACTIONS[token].split())
    if "'" in token:
        head, tail = token.rsplit("'", 1)
        if tail == "t" and head.endswith("n"):
            return (head[:-1], "not")
        if tail in _TAILS:
            return (*expand(head), _TAILS[tail])
        if tail == "s":
            return (head, "is") if head in _IS_CONTRACTIONS else (head,)
        return (token.replace("'", ""),)
    return (token,)


_TAILS = {"m": "am", "re": "are", "ll": "will", "ve": "have", "d": "would"}

_ABBREVIATIONS = re.compile(
    r"(?:^|[\s(\"'])(?:e\.g|i\.e|etc|mr|mrs|ms|dr|prof|st|vs|approx|no|fig|inc|ltd|co|jr|sr|dept|est|min|max|"
    r"a\.m|p\.m|u\.s|u\.k|ph\.d|[A-Za-z])\.$",
    re.I,
)
_STOP = re.compile(r"[.!?]+[\"')\]*_]*(?=\s|$)")
_MARKER = re.compile(
    r"(?:[ \t]*(?:[-*+\u2022\u2013\u25cf]|\(?\d{1,3}[.)]|\(?[a-hA-H][.)]|#{1,6}|>|\[[ xX]\])(?=[ \t])"
    r"|[ \t]*(?:[Ss]tep|[Dd]ay) \d{1,2}[.:)-])[ \t]*"
)
_HEADING = re.compile(r"[ \t]*(?:#{1,6}[ \t]|\*\*[^*]+\*\*:?[ \t]*$|__[^_]+__:?[ \t]*$)")
_QUOTED = re.compile(r'"[^"\n]{1,320}"|(?<![\w])\'(?:[^\'\n]|(?<=\w)\'(?=\w)){1,320}\'(?!\w)')


class Document:
    """A text cut into sentences, in order."""

    __slots__ = ("cache", "plain", "quotes", "sentences", "text")

    def __init__(self, text: str):
        self.text = text
        self.plain = text.translate(_SAME_LENGTH)
        self.quotes = [(m.start(), m.end()) for m in _QUOTED.finditer(self.plain)]
        self.sentences: list[Sentence] = []
        self.cache: dict = {}
        self._read_lines()

    def _read_lines(self) -> None:
        governor = _Governor()
        for start, end, listed, heading, blank_before in _blocks(self.plain):
            first = len(self.sentences)
            for s_start, s_end in self._cut(start, end):
                self.sentences.append(Sentence(self.text, s_start, s_end, len(self.sentences)))
            governor.block(self.sentences[first:], listed, heading, blank_before)

    def _cut(self, start: int, end: int) -> list[tuple[int, int]]:
        """Sentence spans of one block; a stop inside a short quotation does not end the sentence."""
        cuts, here = [], start
        for found in _STOP.finditer(self.plain, start, end):
            stop = found.end()
            if stop <= here or self._goes_on(here, found.start(), stop, end):
                continue
            cuts.append((here, stop))
            here = stop
        if here < end:
            cuts.append((here, end))
        return [span for span in (self._trim(a, b) for a, b in cuts) if span]

    def _goes_on(self, here: int, mark: int, stop: int, end: int) -> bool:
        if (
            self.plain[mark] == "."
            and stop - mark == 1
            and _ABBREVIATIONS.search(self.plain, max(here, mark - 6), stop)
        ):
            follower = self.plain[stop:end].lstrip()[:1]
            short = self.plain[max(here, mark - 2) : mark].strip().lower()
            if follower and (follower.islower() or follower.isdigit() or short not in ("i", "it", "etc", "a", "no")):
                return True
        rest = self.plain[stop:end].lstrip()
        for open_, close in self.quotes:
            if open_ < mark and stop < close:
                return True
            if open_ < mark and close == stop and rest[:1].islower():
                return True
        return False

    def _trim(self, start: int, end: int) -> tuple[int, int] | None:
        while start < end and self.plain[start] in " \t\r\n*_":
            start += 1
        while end > start and self.plain[end - 1] in " \t\r\n*_":
            end -= 1
        return (start, end) if re.search(r"\w", self.plain[start:end]) else None


def _blocks(plain: str) -> list[list]:
    """A list of (start, end, is list item, is heading, blank line before) with list markers cut off."""
    blocks: list[list] = []
    blank, at = False, 0
    for line in plain.splitlines(keepends=True):
        start, at = at, at + len(line)
        body = line.strip()
        if not body or set(body) <= set("-=*_`~|"):
            blank = True
            continue
        marker = _MARKER.match(line)
        heading = bool(_HEADING.match(line))
        listed = bool(marker) and not heading
        while marker:
            start += marker.end()
            marker = _MARKER.match(plain, start, at)
        end = start + len(plain[start:at].rstrip())
        if blocks and not listed and not heading and not blank and _continues(plain, blocks[-1], start):
            blocks[-1][1] = end
        else:
            blocks.append([start, end, listed, heading, blank])
        blank = False
    return blocks


def _continues(plain: str, block: list, start: int) -> bool:
    """A line that was only wrapped: the one before has no end mark and this one begins in lower case."""
    before = plain[: block[1]].rstrip()[-1:]
    return not block[3] and before not in ".!?:" and plain[start : start + 1].islower()


class _Governor:
    """Remembers which heading or lead-in ("Warning signs:") governs the sentences that follow."""

    def __init__(self) -> None:
        self.heading: Sentence | None = None
        self.lead: Sentence | None = None
        self.items = 0

    def block(self, sentences: list[Sentence], listed: bool, heading: bool, blank: bool) -> None:
        if not sentences:
            return
        if heading:
            self.heading, self.lead = sentences[-1], None
            return
        if not listed and self.lead is not None and self.items:
            self.lead = None
        for sentence in sentences:
            sentence.listed = listed
            sentence.lead = self.lead or self.heading
        if listed:
            self.items += 1
        elif self.lead is not None:
            self.lead = None
        if sentences[-1].text.rstrip("*_ ").endswith(":"):
            self.lead, self.items = sentences[-1], 0


@lru_cache(maxsize=256)
def read(text: str) -> Document:
    """Cut a text into sentences. The same text is read once and kept."""
    return Document(text)
