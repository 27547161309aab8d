"""The listener's ear for a conversation: "your last reply" points at a text that the message does not show again.

Phase 1 of the paper (https://arxiv.org/abs/2212.08073, 3.1) asks so: draft, critique request, critique, revision
request, revision, in one context.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LABEL = re.compile(r"^\W*(critique|critic|revision|revise)[ _-]?requests?\b[\s*]*[:.-]\s*", re.I)
_OPEN_END = re.compile(r"\n\s*\W*(?:critique|revision|revised (?:reply|response|answer))\W*:?\W*$", re.I)
_NOUN = r"(?:repl(?:y|ies)|respon[sc]es?|answers?|messages?|output|completion|draft)"
_OWN = re.compile(
    rf"\b(?:your|the|that|this)\b (?:\w+ ){{0,2}}?{_NOUN}\b|\b(?:assistant|ai|model|bot)(?:'s|’s)? (?:\w+ ){{0,2}}?"
    rf"{_NOUN}\b|\b(?:what|everything|anything|all) (?:that )?you (?:have )?(?:just )?(?:said|wrote|written|told)\b",
    re.I,
)
_THE_USERS = re.compile(rf"\b(?:my|his|her|their|our) {_NOUN}\b", re.I)
_LOOK = re.compile(
    r"\b(?:identify|point(?:ing)? out|discuss|critique|critici[sz]e|comment on|explain|describe|list|name|find|assess|"
    r"evaluate|judge|review|analy[sz]e|examine|inspect|check|quote|say where|think about)\b|"
    r"\b(?:what|where|which|whether|in what|how|does|do|did|is|are|was|has)\b[^.!\n]*\?",
    re.I,
)
_FAULT = re.compile(
    r"\bprinciples?\b|\brules?\b|\bpolic(?:y|ies)\b|\bguidelines?\b|\bconstitution|\bviolat|\bgo(?:es|ing)? against|"
    r"\bconflict|\bbreak|\bbreach|\bcompl(?:y|ies|iant)\b|\bfail|\bignores?\b|\bat odds\b|\bfalls? short|"
    r"\bharmful|\bunethical|\bimmoral|\btoxic|\bdangerous|\billegal|\bcriminal|"
    r"\bproblematic|\bracist|\bsexist|\bbias(?:ed)?\b|\bdishonest|\bmisleading|\bmanipulat|\boffensive|\bunsafe",
    re.I,
)
_AGAIN = re.compile(
    r"\b(?:re-?write|revise|rework|rephrase|redraft|redo|amend|correct|fix|repair|improve|edit|change|adjust|modify|"
    r"rewrit(?:e|ing)|try again|respond again|start over)\b|"
    r"(?<!your )(?<!the )(?<!last )\b(?:write|say|put|answer|phrase)\b[^.\n]{0,30}\b(?:again|anew|"
    r"afresh|differently|once more)\b|"
    r"\b(?:give|produce|write|provide|return|make|offer|send)\b[^.\n]{0,25}\b(?:new|better|revised|corrected|improved|"
    r"rewritten|safer?|clean|second) (?:version|reply|response|answer|one|text|draft)\b|"
    r"\b(?:remove|delete|drop|take out|leave out)\b",
    re.I,
)
_NEXT = re.compile(
    rf"\b{_NOUN}\b|\bversion\b|\brevis(?:e|ed|ion)\b|\bcritique\b|\bprinciple\b|\b(?:do|write|say|try) (?:it|that)\b",
    re.I,
)


def bare(text: str) -> str:
    """A request without the label before it ("CritiqueRequest:") and the open one after it ("Critique:"); what comes
    after "the following:" is labelled as the principle that it is."""
    text = _OPEN_END.sub("", _LABEL.sub("", text, count=1))
    text = re.sub(r"^[ \t]*> ?", "", text, flags=re.M)
    return re.sub(r"\b(the following|of|against|with|under): +(?=\S)", r"\1 this.\n\nPrinciple: ", text, count=1)


@lru_cache(maxsize=512)
def wanted(text: str, criticised: bool) -> str:
    """What a turn that shows no reply asks of the last one: "critique", "revise", or "" for neither.

    `criticised`: the turn before was a critique, so that "Fix it." can only mean one thing.
    """
    label = _LABEL.match(text)
    if label:
        return "critique" if label[1].lower().startswith("crit") else "revise"
    own = bool(_OWN.search(text)) and not _THE_USERS.search(text)
    look, again = _LOOK.search(_about(text)), _AGAIN.search(text)
    if own and look and _FAULT.search(text) and (not again or look.start() < again.start()):
        return "critique"
    if criticised and _NEXT.search(text) and "?" not in text:
        return "revise"
    return "revise" if again and (criticised or (own and _FAULT.search(text))) else ""


def _about(text: str) -> str:
    """The text without nouns that only look like orders: "this critique", "the list"."""
    return re.sub(r"\b(?:the|this|that|your|each|every)(?: \w+)? (?:critique|review|comment|list|name)\b", "it", text)
