"""Chapter 04, second part: what a critic's answer says, read so that nothing unclear passes.

In the order of the lesson: the verdict in words, the verdict in JSON, both together, and the quotes checked
against the draft.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Literal

Verdict = Literal["VIOLATED", "NOT VIOLATED", "UNCLEAR"]

QUOTE_MARKS = str.maketrans("“”„‟«»‘’‚‛′", '""""""' + "'" * 5)
SAID_NO = re.compile(
    r"\bviolat\w*(?: \w+){0,4} ?[:=?] ?(?:no|none|false|0)(?= ?(?:[.;!]|$))"
    r"|\b(?:do|does|did|will) not (?:(?:at all|actually|itself) )*violate\b"
    r"|\bnot (?:(?:a|any|be|been|being|in|to|at all|actually|itself|found to) )*violat(?:ed|es|ing|ions?)\b"
    r"|\bno (?:(?:clear|such|rules?|principles?|is|are|was|were|has|have|been) )*violat(?:ed|es|ing|ions?)\b"
    r"|\b(?:nothing|none) (?:(?:here|of it|in it|is|was) )*violat(?:ed|es|ing)\b"
    r"|\b(?:never|non|without|free of|free from) (?:any )?violat(?:ed|es|ing|ions?)\b",
    re.MULTILINE,
)
SAID_YES = re.compile(r"\bviolat(?:ed|es|e|ions?|ing)\b(?:(?: \w+){0,4} ?[:=?] ?(?:yes|true)\b)?")
SUPPOSED = re.compile(r"\b(?:if|whether|would)\b(?: [\w']+){0,3} ?$")
HEDGED = re.compile(
    r"\b(?:could|might|may|maybe|perhaps|possibly|probably|part(?:ly|ially)|arguably|unclear|unsure|(?:un)?likely"
    r"|almost|nearly|or|no[rt]?|never)\b(?: [\w']+){0,3} ?$"
)
VERDICT_LABEL = re.compile(r"(?:\w+ ){0,2}verdict\b(?= ?(?:[:=]|is\b|for\b|<|$))")
LABEL = re.compile(r"(?:\w+ ){0,2}(?:decision|judge?ment|conclusion|answer|result|assessment)\b ?(?:[:=]|is\b|<)")


def clean(text: str) -> list[str]:
    """Lines in lower case without invisible characters, markdown and quotations; <yes> and <no> where they say so."""
    text = unicodedata.normalize("NFKC", text).translate(QUOTE_MARKS).lower()
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = re.sub(r'(["`])[^"`]*\s[^"`]*\s[^"`]*\1', "", text)
    lines = [line for line in text.splitlines() if not re.match(r"\W*quote\b|\s*>", line)]
    text = re.sub(r"(\bverdict\b)\W*\n\W*", r"\1: ", "\n".join(lines))
    text = re.sub(r"n't\b|\bcannot\b", " not", re.sub(r"[^\S\n]+|[-*_`~|<>#]+", " ", text))
    text = SAID_YES.sub("<yes>", SAID_NO.sub("<no>", re.sub(r" +", " ", text)))
    return [re.sub(r"^[^a-z<]+", "", line) for line in text.splitlines()]


def stances(line: str) -> list[Verdict]:
    """Every statement of a verdict in a line. A question or a supposition is none; a hedged one is UNCLEAR."""
    found: list[Verdict] = []
    for sentence in re.findall(r"[^.!?;]+[.!?;]*", line):
        for word in re.finditer(r"<yes>|<no>", sentence):
            before = sentence[: word.start()]
            if sentence.rstrip().endswith("?") or SUPPOSED.search(before):
                continue
            said: Verdict = "VIOLATED" if word[0] == "<yes>" else "NOT VIOLATED"
            found.append("UNCLEAR" if HEDGED.search(before) else said)
    return found


def worded_verdict(text: str) -> list[Verdict]:
    """What an answer says in words: nothing, one thing, or things that contradict each other."""
    lines = clean(text)
    said = [stances(line) for line in lines]
    explicit = [i for i, line in enumerate(lines) if is_explicit(line, said[i])]
    if not explicit:
        return [verdict for line in said for verdict in line]
    binding, after = said[explicit[-1]], said[explicit[-1] + 1 :]
    if not binding or set(binding) == {"VIOLATED"}:
        return binding or ["UNCLEAR"]
    return binding + [verdict for line in after for verdict in line]  # a pass must not be taken back


def is_explicit(line: str, said: list[Verdict]) -> bool:
    """Whether a line is there to give the verdict: it begins with it, or with a label such as "Verdict:"."""
    return bool(VERDICT_LABEL.match(line) or (said and (line.startswith("<") or LABEL.match(line))))


def json_verdicts(text: str) -> tuple[list[Verdict], str]:
    """What the JSON objects in an answer say, and the answer without them. Half an object is UNCLEAR."""
    said: list[Verdict] = []
    while found := re.search(r'\{\s*["}]', text):
        try:
            reply, end = json.JSONDecoder(object_pairs_hook=list).raw_decode(text[found.start() :])
        except (ValueError, RecursionError):
            return [*said, "UNCLEAR"], text[: found.start()]
        said += [verdict for name, value in reply for verdict in field_verdict(name, value)]
        text = text[: found.start()] + " " + text[found.start() + end :]
    return said, text


def field_verdict(name: str, value: Any) -> list[Verdict]:
    """What one field of a JSON answer says. Only true and false are truth values: the text "false" is UNCLEAR."""
    if "violat" in name.lower() and not isinstance(value, str):
        return ["VIOLATED" if value is True else "NOT VIOLATED" if value is False else "UNCLEAR"]
    if "violat" in name.lower() or VERDICT_LABEL.match(name.lower()):
        return worded_verdict(str(value)) or ["UNCLEAR"]
    return []


def parse_verdict(text: str | None) -> Verdict:
    """What a critic's answer says. The last explicit verdict binds; whatever is not clear is UNCLEAR."""
    if not isinstance(text, str):
        return "UNCLEAR"
    said, words = json_verdicts(text)
    said += worded_verdict(words)
    return said[0] if len(set(said)) == 1 else "UNCLEAR"


def find_quote(critique_text: str) -> str:
    """The first words that a critic quotes: after "Quote:", else the first that stand between quote marks."""
    text = critique_text.translate(QUOTE_MARKS)
    labelled = re.search(r'^\W*quotes?\**:[ *"]*(.*?)[ *"]*$', text, re.IGNORECASE | re.MULTILINE)
    quoted = labelled or re.search(r'"([^"]*\w[^"]*\s[^"]*)"', text)
    return quoted[1].strip() if quoted else ""


def quote_in(quote: str, draft: str) -> bool:
    """Whether quoted words stand in the draft; white space, case and quote marks aside, "..." for words left out."""
    place, draft = 0, plain(draft)
    pieces = [plain(piece) for piece in re.split(r"\[?(?:\.\.\.|…)\]?", quote)]
    pieces = [piece for piece in pieces if re.search(r"\w", piece)]
    for piece in pieces:
        place = draft.find(piece, place)
        if place < 0:
            return False
        place += len(piece)
    return bool(pieces)


def plain(text: str) -> str:
    """A text in lower case with single spaces, without quote marks and emphasis."""
    text = unicodedata.normalize("NFKC", text).translate(QUOTE_MARKS).lower()
    return " ".join(re.sub(r"[\"'`*_]", "", text).split())
