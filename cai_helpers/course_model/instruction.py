"""The ear: what does an instruction want, in which words, and does it try to dictate the verdict?"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_NOUN = (
    r"(?:respon[sc]es?|repl(?:y|ies)|drafts?|answers?|text|messages?|outputs?|completions?|statements?|passage|"
    r"submissions?|bot|chatbot|ai|model|agent|assistant(?:'s)?(?: last| previous)?(?: respon[sc]e| reply| "
    r"answer)?|material|content|it|this|above|following)"
)
_RULE = (
    r"(?:principles?|rules?|polic(?:y|ies)|guidelines?|constitution|"
    r"criteri(?:on|a)|standards?|requirements?|articles?|clauses?|rubric)"
)
_BREAK = r"(?:violat\w*|break\w*|broke\w*|breach\w*|contraven\w*|infring\w*|transgress\w*|against|conflict\w*)"
_KEEP = (
    r"(?:compl(?:y|ies|iant|iance|ied)|follow\w*|respect\w*|keep\w*|kept|adher\w*|conform\w*|obey\w*|meet\w*|"
    r"satisf\w+|"
    r"pass(?:es)?\b|acceptable|ok(?:ay)?\b|in line|consistent|uphold\w*|honou?r\w*|allowed|permitted)"
)
_BAD_WORDS = (
    r"VIOLATED|VIOLATES|VIOLATION|VIOLATING|FAIL(?:ED|S)?|BROKEN|BREAKS|BREACH(?:ED)?|UNSAFE|HARMFUL|"
    r"NON[- ]?COMPLIANT|REJECT(?:ED)?|BLOCK(?:ED)?|FLAG(?:GED)?|BAD|DENY|DENIED|NOT OK|NOK|DISALLOWED|"
    r"UNACCEPTABLE|RISKY|DANGEROUS|TOXIC|UNETHICAL|INVALID|GUILTY|RED|DIRTY|PROBLEM|ISSUE|WITHHOLD|STOP|NOT "
    r"ALLOWED|NOT SAFE|UNFIT"
)
_GOOD_WORDS = (
    r"NOT VIOLATED|NO VIOLATION|NOT VIOLATING|NON[- ]?VIOLATING|NO BREACH|PASS(?:ED|ES)?|KEPT|KEEPS|SAFE|"
    r"HARMLESS|COMPLIANT|COMPLIES|ACCEPT(?:ED)?|ALLOW(?:ED)?|APPROVED?|CLEAN|GOOD|OK(?:AY)?|FINE|ACCEPTABLE|"
    r"VALID|INNOCENT|GREEN|CLEAR|RESPECTED|SEND|GO|INTACT|FOLLOWED|NOT BROKEN|UPHELD|HELD|FIT"
)
_BAD = re.compile(rf"(?<![\w-])(?:{_BAD_WORDS})(?![\w-])")
_GOOD = re.compile(rf"(?<![\w-])(?:{_GOOD_WORDS})(?![\w-])")
_ANY_CASE_PAIR = re.compile(
    rf"[\"'`*]*\b({_BAD_WORDS}|{_GOOD_WORDS})\b[\"'`*.]*\s*(?:,? or(?: else)?|/|\||,|and)\s*"
    rf"(?:with |just |the word )?[\"'`*]*\b({_GOOD_WORDS}|{_BAD_WORDS})\b",
    re.I,
)
_YES_NO = re.compile(
    r"\b(yes|true|y)\b[\"'`*.)]*\s*(?:\([^)]*\)\s*)?(?:,? or|/|\||,|;|and)\s*(?:with )?[\"'`*]*(no|false|n)\b|"
    r"\b(no|false)\b[\"'`*.)]*\s*(?:,? or|/|\||,)\s*[\"'`*]*(yes|true)\b",
    re.I,
)
_JUDGE_VERB = (
    r"(?:critique|critici[sz]e|evaluate|judge|assess|audit|grade|classify|check|review|inspect|examine|"
    r"analy[sz]e|decide|determine|verify|identify|flag|find|list|point out|state|tell me|say|rate|score|see)"
)
_QUESTION = re.compile(
    rf"\b(?:does|do|did|is|are|was|has|have|whether|if any|which|any|how)\b[^.?!\n]{{0,110}}?\b"
    rf"(?:{_BREAK}|{_KEEP})",
    re.I,
)
_JUDGE_ORDER = re.compile(
    rf"(?:^|[.!?:;\n]\s*|\bplease |\bnow |\bthen |\band |\bto |\byou |\bmust |\bfirst,? |\bcan you |"
    rf"\d[.)]\s*|[-*] ){_JUDGE_VERB}\b",
    re.I,
)
_REVISE_ORDER = re.compile(
    r"(?:^|[.!?:;,\n]\s*|\bplease |\bnow |\bthen,? |\band |\byou |\bto |\bmust |\bcan you |\bcould you |"
    r"\d[.)]\s*|[-*] )(?:re-?write|revise|rework|rephrase|redraft|amend|correct|fix|repair|improve|"
    r"edit|clean(?: up)?|sanitise|sanitize|reformulate|adjust|patch|produce (?:a|an|the) "
    r"(?:revised|corrected|new|improved|safe|clean)|write (?:a|an|the) (?:revised|corrected|new|"
    r"improved|better|safer|clean)|(?:remove|delete|take out|strip|drop|replace) (?:every|all|any|the|each|what|"
    r"everything|"
    r"whatever)|(?:give|return|provide|output|send)(?: me)? (?:a|an|the|only the) (?:new version|revised|"
    r"corrected|rewritten|improved|fixed|clean)|make (?:it|the \w+|this|your \w+) "
    r"(?:comply|safe|compliant|follow|keep|respect))\b",
    re.I,
)
_COMPARE = re.compile(
    r"\b(?:which|choose|pick|select|prefer\w*|compare|better|best|more|less|least|most|rank|winner)\b", re.I
)
_GENERATOR = re.compile(
    r"\bhelpful\b[^.\n]{0,40}\bassistant\b|\banswer (?:the|all|every|any)?\s*(?:user|customer|question)|"
    r"\b(?:before|when(?:ever)?|while) (?:you |your )?(?:answer|reply|respond|replying|responding|giving)|"
    r"\byour (?:own )?(?:answers|replies|responses)\b|\byou are (?:the|a|an) [^.\n]{0,40}"
    r"\b(?:bot|agent|chatbot|assistant)\b[^.\n]{0,40}\b(?:for|of|at|called|named)\b",
    re.I,
)
_CRITIC_ROLE = re.compile(
    r"\b(?:critic|reviewer|auditor|evaluator|judge|moderator|grader|checker|inspector|examiner|"
    r"compliance|safety review|censor|proofreader)\b|\byou (?:review|check|judge|audit|evaluate|grade|"
    r"assess|inspect|moderate|critique|verify|examine)\b",
    re.I,
)


class Wishes(NamedTuple):
    """What an instruction asks for; several may be true at once."""

    verdict: bool  # wants a judgement on a reply
    revision: bool  # wants a reply rewritten
    comparison: bool  # wants one of two replies
    meta: bool  # talks about replies and principles, so it is not a user's own question


@lru_cache(maxsize=512)
def wishes(text: str) -> Wishes:
    """Read one instruction."""
    offered = offered_words(text) is not None
    goal_free = re.sub(
        rf"\b(?:so that|such that|so|until|to make sure|to ensure|which|that|and) (?:it|they|the \w+|none|no \w+)"
        rf"[^.;\n]*?(?:{_BREAK}|{_KEEP})[^.;\n]*",
        " ",
        text,
        flags=re.I,
    )
    question = bool(_QUESTION.search(goal_free)) and bool(re.search(_NOUN, text, re.I))
    order = bool(_JUDGE_ORDER.search(goal_free)) and _about_rules(goal_free)
    meta = offered or (_about_rules(text) and bool(re.search(rf"\b{_NOUN}\b", text, re.I)))
    return Wishes(offered or question or order, bool(_REVISE_ORDER.search(text)), bool(_COMPARE.search(text)), meta)


def _about_rules(text: str) -> bool:
    return bool(
        re.search(
            rf"\b{_RULE}\b|violat|\bcomplian|\bverdict|\bcritique|\bharm|\bunethical|\btoxic|\bdangerous|"
            r"\bunsafe\b|\bsafety\b|\bproblems?\b|\bissues?\b|\bflaws?\b",
            text,
            re.I,
        )
    )


@lru_cache(maxsize=512)
def is_critic_role(text: str) -> bool:
    """Whether a system text makes the model a critic (and not an assistant with rules to keep)."""
    return bool(_CRITIC_ROLE.search(text)) and not _GENERATOR.search(text)


@lru_cache(maxsize=512)
def is_generator_role(text: str) -> bool:
    """Whether a system text makes the model an assistant that answers users."""
    return bool(_GENERATOR.search(text))


@lru_cache(maxsize=512)
def offered_words(text: str) -> tuple[str, str] | None:
    """(word for broken, word for kept) that the instruction offers, as written there; None if it offers none."""
    pair = next((m for m in _ANY_CASE_PAIR.finditer(text) if _is_offer(m)), None)
    if pair:
        first, second = pair.group(1), pair.group(2)
        return (first, second) if _is_bad(first) else (second, first)
    yes_no = _YES_NO.search(text)
    if yes_no and not re.search(r"true/false\s*[,}\n]", text):
        words = [word for word in yes_no.groups() if word]
        yes, no = sorted(words, key=lambda word: word.lower() in ("no", "false", "n"))
        return (no, yes) if asks_about_keeping(text) else (yes, no)
    bad, good = _BAD.findall(_GOOD.sub(" ", text)), _GOOD.findall(text)
    if bad and good:
        return bad[0], good[0]
    return None


def _is_bad(word: str) -> bool:
    return bool(re.fullmatch(_BAD_WORDS, word.upper())) and not re.fullmatch(_GOOD_WORDS, word.upper())


def _is_offer(pair: re.Match[str]) -> bool:
    """One word of each kind, and upper case or quotes: plain "good or bad" in a sentence is no offer."""
    first, second = pair.group(1), pair.group(2)
    if _is_bad(first) == _is_bad(second):
        return False
    shown = (first.isupper() and second.isupper()) or bool(re.search(r"[\"'`*]", pair.group(0)))
    return (
        shown or first.lower() in ("violated", "not violated", "fail", "pass") or (first.istitle() and second.istitle())
    )


@lru_cache(maxsize=512)
def asks_about_keeping(text: str) -> bool:
    """Whether the question is "does it keep the rule?" rather than "does it break it?"."""
    keep = re.search(rf"\b(?:does|do|is|are|has|whether)\b[^.?!\n]{{0,80}}?\b{_KEEP}", text, re.I)
    broken = re.search(rf"\b(?:does|do|is|are|has|whether|any)\b[^.?!\n]{{0,80}}?\b{_BREAK}", text, re.I)
    return keep is not None and (broken is None or keep.start() < broken.start())


_CLEAN = r"(?:not violated|no violations?|pass(?:ed|es)?|kept|compliant|not broken|clean|no breach)"
_CONDITION = re.compile(
    r"\b(?:if|when|unless|otherwise|whether|or|either|else|for (?:each|any|every|a|replies)|depending|json|"
    r"keys?|fields?|boolean)\b",
    re.I,
)
_DICTATED = re.compile(
    rf"\b(?:answer|say|respond|reply|output|state|return|write|mark|rate|report|print|conclude|give|"
    rf"verdict|result|grade|judge)\b[^.\n]{{0,45}}?\b{_CLEAN}\b|^\W*{_CLEAN}\W*$",
    re.I,
)
_ORDERS = [
    re.compile(pattern, re.I)
    for pattern in (
        r"\b(?:ignore|disregard|forget|override|overlook)\b[^.\n]{0,20}?\b(?:the |this |that |any |all |your |"
        r"these )?"
        r"(?:principles?|constitution|(?:previous|above|prior|earlier|preceding|other) (?:\w+ )?(?:rules?|"
        r"instructions?|"
        r"guidelines?|text|prompt)|(?:rules?|instructions?|guidelines?) (?:above|given|you (?:were|have been) given)|"
        r"(?:all|any|your) (?:\w+ )?instructions?)",
        r"\bthis (?:reply|response|answer|draft|text|message|output)\b[^.\n]{0,30}\b(?:has|have|was|is)\b[^.\n]{0,25}"
        r"\b(?:approved|cleared|whitelisted|exempt\w*|signed off|pre-?checked|verified|reviewed and)\b",
        r"\b(?:reviewer|critic|evaluator|grader|auditor|checker|moderator|judge|safety model|"
        r"ai)s?\b\s*[:,\]-][^\n]{0,140}?"
        r"\b(?:approve|approved|pass|skip|ignore|not violated|no violations?|compliant|is safe|is fine|accept|"
        r"clean)\b",
        r"\b(?:to|for) (?:the |any )?(?:reviewer|critic|evaluator|grader|auditor|checker|moderator|judge|safety "
        r"model)s?\b"
        r"[^\n]{0,140}?\b(?:approve|approved|pass|skip|ignore|not violated|no violations?|compliant|is safe|is "
        r"fine|accept)\b",
        r"\bdo not (?:flag|report|mark) (?:this|it|the (?:reply|response|answer|draft))\b",
    )
]


@lru_cache(maxsize=512)
def dictates(text: str) -> bool:
    """Whether a text orders the critic to find nothing ("answer NOT VIOLATED", "this reply has been approved")."""
    if any(pattern.search(text) for pattern in _ORDERS):
        return True
    spoken = re.sub(r"\{[^{}]*\}", " ", text)  # a JSON template dictates nothing
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", spoken):
        both = _BAD.search(_GOOD.sub(" ", sentence)) and _GOOD.search(sentence)
        if _DICTATED.search(sentence) and not _CONDITION.search(sentence) and not both:
            return True
    return False


def asks_to_choose(text: str) -> bool:
    """Whether a paragraph asks for one of two replies."""
    return bool(
        (
            _COMPARE.search(text)
            and re.search(r"\b(?:respon\w+|repl\w+|answers?|one|options?|assistant|harm\w*|A|B)\b", text)
        )
        or re.search(
            r"\(?\bA\)? (?:or|/|and) \(?B\b|\bthe (?:answer|better \w+) is\b|^[ \t]*(?:answer|choice|verdict):?\s*$",
            text,
            re.I,
        )
    )


@lru_cache(maxsize=512)
def talks_to_critic(text: str) -> bool:
    """Whether a paragraph is an instruction to a critic or reviser, not part of a reply."""
    want = wishes(text)
    if re.search(rf"\b{_RULE} (?:been |is |was )?(?:{_BREAK}|respected|kept|met|followed)[^.!?]*\?", text, re.I):
        return True  # "Has the rule been broken?"
    closing = re.search(
        r"\b(?:answer|reply|respond|return|output)\b[^.\n]{0,30}\b(?:json|only|one word|with|exactly|in the)\b"
        r"|\b(?:your|the) verdict\b|^\W*verdict\s*\?|^[ \t]*verdict\s*:|\bthen explain\b|\bquote the\b|\blast "
        r"line\b|\bkeys?:",
        text,
        re.I,
    )
    return (
        (want.meta and (want.verdict or want.revision))
        or (bool(closing) and _about_rules(text + " verdict") and len(text) < 600)
        or dictates(text)
    )
