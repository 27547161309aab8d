"""The label maker: which slot of a task does a tag, heading, label or JSON key name?

Slots: principle, kept (principles that hold), draft (the reply to judge or rewrite), prompt (what the user
asked), critique (what a critic found), task (instructions), a and b (two replies to compare).
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass
class Section:
    """`slot` is None for loose text (instructions, or material without a name)."""

    slot: str | None
    text: str
    fenced: bool = False
    label: str = ""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A label's first word from this table names the slot; weak words give way to any other.
_WORDS = {
    "task": "task|tasks|instruction|instructions|todo|job|criticrequest|format|outputformat",
    "critique": "critique|critiques|critic|critics|violation|violations|violated|feedback|problem|problems|"
    "finding|findings|issue|issues|flaw|flaws|broken|breach|breaches|concern|concerns|review|objection|"
    "objections",
    "principle": "principle|principles|rule|rules|constitution|policy|policies|guideline|guidelines|criterion|"
    "criteria|standard|standards|requirement|requirements|norm|norms|commandment|commandments|rubric|article|"
    "clause|directive",
    "prompt": "prompt|prompts|question|query|request|user|users|customer|customers|human|client|asked|asks|ticket|"
    "complaint|conversation|visitor|asker",
    "draft": "response|responses|reply|replies|draft|drafts|answer|answers|output|completion|assistant|bot|"
    "chatbot|candidate|replied|answered|responded|generation|statement|passage|revision|model|ai|agent|snippet|"
    "submission",
}
_WEAK = {"draft": "text|message|content|original|material|document|output", "prompt": "input|context"}
SLOT_OF = {word: slot for slot, words in _WORDS.items() for word in words.split("|")}
WEAK_SLOT = {word: slot for slot, words in _WEAK.items() for word in words.split("|")}
_GLUE = _words(
    """
    the a an to of be is was are by for from in on it its this that these those your our my his her their
    here below above following given current original safety internal proposed first second last next new old
    final s judge judged judging check checked evaluate evaluated evaluating evaluation review reviewed
    revise revised rewrite rewritten fix fixed improve critique assess assessed grade graded inspect score
    under against with and words one single asked said wrote sent gave found must go keeping applies
    application company bot raw initial unfiltered actual candidate which what who user users main test try
    consider material read using use apply listed number no request reviewer reviewers section part notes
    note comment comments remarks you should we i have has will there shown produced generated written
    provided supplied complete full exact sample example real world list set code
    """
)
_ORDERS = _words(
    """
    critique review judge check evaluate rewrite revise fix improve answer assess grade inspect use read
    consider try apply list test score
    """
)
_SUFFIX = re.compile(r"[-_](?=[0-9a-z]*\d)[0-9a-z]{4,}$|[-_][0-9a-f]{6,}$", re.I)
_LETTER = re.compile(
    r"^(?:(?:the )?(?:response|reply|answer|option|candidate|draft|completion|output|assistant|text|"
    r"choice|version|message)s? ?)?[(\[]?(a|b|1|2|one|two)[)\]]?$"
)
_ORDINAL = re.compile(r"^(?:the )?(first|second) (?:response|reply|answer|option|candidate|draft|version)$")
_LETTERS = {"a": "a", "1": "a", "one": "a", "first": "a", "b": "b", "2": "b", "two": "b", "second": "b"}
_KEPT = re.compile(r"\b(?:keeps?|kept|passed|passes|satisfied|holds?|respected|not (?:broken|violated))\b")
_NOTES = re.compile(r"\breviewers?(?: s)? (?:notes?|comments?|remarks|found|says?|said|words)\b")
_CRITIC_REQUEST = re.compile(
    r"\b(?:critique|critic|revision|review) ?requests?\b|\bwhat to do\b|\bhow to answer\b|"
    r"\bto do\b|\byour (?:task|job|turn)\b|\b(?:output|answer|response|reply) format\b"
)


def has_suffix(name: str) -> bool:
    """Whether a tag's name carries a random suffix, as in draft-1a2b3c4d."""
    return bool(_SUFFIX.search(name))


def plain(label: str) -> str:
    """The label in lower case, without suffix, dress and punctuation at its ends."""
    label = _SUFFIX.sub("", label.strip().strip("#*_=:-[]<> \t"))
    label = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
    label = re.sub(r"\((?![ab12]\))[^)]*\)", " ", label.replace("_", " ").replace("-", " "), flags=re.I)
    return " ".join(label.lower().replace("'", " ").replace("\u2019", " ").replace(",", " ").split())


def of_name(label: str) -> str | None:
    """The slot that a tag, a key or a heading names, or None."""
    text = plain(label)
    letter = _LETTER.match(text) or _ORDINAL.match(text)
    if letter:
        digit_only = text.strip("()[]").isdigit() or text in ("a", "one", "two")
        return None if digit_only else _LETTERS[letter.group(1)]
    if _CRITIC_REQUEST.search(text):
        return "task"
    if _NOTES.search(text):
        return "critique"
    words = text.split()
    slot = next((SLOT_OF[word] for word in words if word in SLOT_OF), None)
    if slot == "principle" and re.search(r"\b(?:break|breaks|broke|broken|violat\w+|fail\w*)\b", text):
        return "critique"
    if slot in ("principle", "critique") and _KEPT.search(text):
        return "kept"
    return slot or next((WEAK_SLOT[word] for word in words if word in WEAK_SLOT), None)


def of_label(label: str, unknown: int = 0) -> str | None:
    """The slot of a label in running text: all its words but `unknown` must be label words."""
    text = plain(label)
    words = re.findall(r"[a-z0-9()]+", text)
    if not words or len(words) > 9 or _is_order(words):
        return None
    strange = [
        w
        for w in words
        if not (
            w in SLOT_OF
            or w in WEAK_SLOT
            or w in _GLUE
            or w.strip("()").isdigit()
            or _LETTER.match(w)
            or w in ("keeps", "breaks", "kept", "passed")
        )
    ]
    return of_name(label) if len(strange) <= unknown else None


def _is_order(words: list[str]) -> bool:
    """ "Critique the response:" is an order, not a label."""
    return (
        len(words) > 1
        and words[0] in _ORDERS
        and words[1]
        in ("the", "this", "a", "your", "my", "it", "whether", "if", "all", "each", "these", "against", "only")
    )


def is_weak(label: str) -> bool:
    """Whether the label rests on a weak word only ("Text:", "Message:"), or on a word that a reply itself may use."""
    words = plain(label).split()
    if _NOTES.search(plain(label)):
        return False
    return not any(w in SLOT_OF for w in words) or words in (
        ["answer"],
        ["question"],
        ["review"],
        ["rule"],
        ["rules"],
        ["instructions"],
        ["problem"],
        ["issue"],
        ["request"],
        ["statement"],
        ["problems"],
        ["issues"],
        ["policy"],
    )
