"""When words are only mentioned: refusals, negation, warnings, reports, debunking, questions, governing headings.

A cue ("never", "beware of", "scammers say") opens a scope that runs to the next break ("but", ";", ", just").
A pattern that matches inside a scope is excused, unless its facet says that it counts there.
The cue lists are data: `data/concepts/shared.json`, part "scopes".
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .patterns import is_told
from .reading import Document, Sentence

LISTS = (
    "idioms",
    "breaks",
    "refusals",
    "negators",
    "weak_negators",
    "warnings_before",
    "warnings_after",
    "reporters",
    "reports_before",
    "reports_after",
    "debunk_before",
    "debunk_after",
    "debunk_next",
    "debunk_announced",
    "suggesting_questions",
    "generic_lead",
)


@dataclass
class Scope:
    kind: str
    low: int
    high: int
    whole: bool  # True: only a match that lies wholly inside is excused


class Scopes:
    """The compiled cue lists."""

    def __init__(self, lists: dict[str, list[str]]):
        self.cues = {name: _any_of(lists[name]) for name in LISTS}
        self.next_start = re.compile(r'^(?:" )?(?:' + "|".join(lists["debunk_next"]) + r")(?= |$)")
        self.question_start = re.compile(
            r"(?:^|[,;:.!?-] |\" )(?:and |or |so |but |also |then )?"
            r"(?:are|is|was|were|do|does|did|can|could|should|would|will|"
            r"have|has|had|am|may|what|why|how|when|who|whom|whose|where|which|any) "
        )

    # ------------------------------------------------------------ one sentence

    def of(self, sentence: Sentence) -> list[Scope]:
        """All scopes of a sentence, worked out once."""
        if "scopes" not in sentence.cache:
            sentence.cache["scopes"] = self._work_out(sentence)
        return sentence.cache["scopes"]

    def _work_out(self, sentence: Sentence) -> list[Scope]:
        flat = sentence.flat
        masked = self.cues["idioms"].sub(lambda m: "~" * len(m.group()), flat)
        quotes = _quote_spans(flat)
        breaks = self._breaks(masked, quotes)
        scopes: list[Scope] = []
        for name, kind, whole in (
            ("refusals", "refusal", False),
            ("negators", "negation", False),
            ("weak_negators", "negation", True),
            ("warnings_before", "warning", False),
            ("reporters", "report", True),
            ("reports_before", "report", True),
            ("debunk_before", "debunk", True),
        ):
            for cue in self.cues[name].finditer(masked):
                end = self._scope_end(cue, kind, masked, breaks, quotes)
                scopes.append(Scope(kind, sentence.word_at(cue.start()), sentence.word_at(max(end - 1, 0)), whole))
        scopes += self._refused_before(sentence, masked, breaks)
        for cue in self.cues["reports_after"].finditer(masked):
            mark = masked.index('"', cue.start())
            before = [start for start, end in quotes if start < mark <= end]
            if before:
                scopes.append(Scope("report", sentence.word_at(before[0] + 2), sentence.word_at(mark), True))
        for name, kind in (("warnings_after", "warning"), ("debunk_after", "debunk")):
            for cue in self.cues[name].finditer(masked):
                begin = max([at for at, _, _ in breaks if at < cue.start()] or [0])
                scopes.append(Scope(kind + " after", sentence.word_at(begin), sentence.word_at(cue.start()), True))
        return scopes

    def _refused_before(self, sentence: Sentence, masked: str, breaks: list) -> list[Scope]:
        """ "Jumping from a balcony has cost people their legs, so I can't help": the refusal reaches back."""
        found = list(self.cues["refusals"].finditer(masked))
        if not found or any(
            at > found[-1].start() and text in ("but", "however", "still", "anyway", ":", "although", "though")
            for at, text, _ in breaks
        ):
            return []
        if any(text == "but" for _, text, _ in breaks):
            return []
        return [Scope("refusal", 0, sentence.word_at(found[-1].start()), False)]

    def _breaks(self, masked: str, quotes: list[tuple[int, int]]) -> list[tuple[int, str, int]]:
        """(offset, text, number of the quotation it stands in or -1) of every break."""
        out = []
        for found in self.cues["breaks"].finditer(masked):
            text = found.group().strip()
            if text == ":" and self._generic_colon(masked, found.start()):
                continue
            out.append((found.start(), text, _in_quote(found.start(), quotes)))
        lead_clause = re.match(
            r"(?:(?:and|so|but|then|well|ok|now|yes|no|sure)[ ,]+)?"
            r"(?:if|when|while|although|though|since|because|as|once|after|before|unless|"
            r"even if|whenever|to|for|instead|as soon as)\b[^,;:.]*,",
            masked,
        )
        if lead_clause:
            out.append((lead_clause.end() - 1, ",", -1))
        return sorted(out)

    def _generic_colon(self, masked: str, at: int) -> bool:
        """ "Never do these:" and "Warning signs:" reach over their colon; "Don't worry:" does not."""
        before = re.split(r"[.;:!?]", masked[:at])[-1]
        return bool(self.cues["generic_lead"].search(before)) and len(before.split()) <= 14

    def _scope_end(self, cue: re.Match[str], kind: str, masked: str, breaks: list, quotes: list) -> int:
        home = _in_quote(cue.start(), quotes)
        end = len(masked)
        for at, text, quote in breaks:
            if at >= cue.end() and (quote == -1 or quote == home):
                if kind == "refusal" and text.startswith(("because", "since", ", and")):
                    continue
                end = at
                break
        if home >= 0:
            end = min(end, quotes[home][1])
        if kind == "negation" and " , and " in masked[cue.end() : end]:
            end = masked.index(" , and ", cue.end())
        before = masked[: cue.start()].split()[-2:]
        after = masked[cue.end() :].split()
        if kind == "negation" and cue.group() in ("not", "never"):
            if before and (before[0] in ("who", "that", "which") or before[-1] in ("who", "that", "which")):
                end = min(end, _after_words(masked, cue.end(), 3))
            elif after[:1] in (["need"], ["have"], ["require"], ["want"]):
                end = min(end, _after_words(masked, cue.end(), 5))
        return end

    # ------------------------------------------------------------ the verdict for one match

    def excuse(self, words: list[int], sentence: Sentence, document: Document, counts_in: frozenset[str]) -> str | None:
        """Why the matched words do not count ("negation", "report", ...), or None when they do."""
        low = min(words)
        matched = set(words)
        for scope in self.of(sentence):
            kind = scope.kind.split()[0]
            if kind in counts_in or (scope.low in matched and kind == "negation"):
                continue
            if scope.kind.endswith("after"):
                if scope.low <= low and max(words) <= scope.high + 1 and not _orders(sentence, low):
                    return kind
                continue
            inside = [w for w in words if scope.low <= w <= scope.high]
            if inside and (len(inside) == len(words) or not scope.whole):
                return kind
        if "question" not in counts_in and self._asks(sentence, low):
            return "question"
        return self._from_outside(sentence, document, counts_in)

    def _from_outside(self, sentence: Sentence, document: Document, counts_in: frozenset[str]) -> str | None:
        """Excuses that come from a governing heading or from the sentence before or after."""
        lead = sentence.lead
        for _ in range(2):
            if lead is None:
                break
            kind = self.open_at_end(lead)
            if kind and kind not in counts_in:
                return kind
            lead = lead.lead
        if "debunk" in counts_in:
            return None
        sentences, number = document.sentences, sentence.number
        if number + 1 < len(sentences) and self.next_start.search(sentences[number + 1].flat):
            return "debunk"
        if number and self.cues["debunk_announced"].search(sentences[number - 1].flat):
            return "debunk"
        return None

    def open_at_end(self, lead: Sentence) -> str | None:
        """The kind of scope a heading leaves open for what it governs, if any."""
        if "open" not in lead.cache:
            lead.cache["open"] = self._open(lead)
        return lead.cache["open"]

    def _open(self, lead: Sentence) -> str | None:
        flat = self.cues["idioms"].sub(lambda m: "~" * len(m.group()), lead.flat).rstrip(' :"')
        if self.cues["generic_lead"].search(flat) and len(flat.split()) <= 14:
            return "warning"
        last = len(lead.words) - 1
        for scope in self.of(lead):
            if scope.kind in ("report", "debunk", "warning") and scope.high >= last:
                return scope.kind
            if (
                scope.kind in ("negation", "refusal")
                and not scope.whole
                and scope.high >= last
                and last - scope.low <= 3
            ):
                return scope.kind
        return None

    def _asks(self, sentence: Sentence, low: int) -> bool:
        """A real question that holds the match; "did you know", tags and "why not ..." are no excuse."""
        if not sentence.question or re.search(r"(?:^|[:,] )\"[^\"]*\? \"$", sentence.flat):
            return False
        if self.cues["suggesting_questions"].search(sentence.flat):
            return False
        starts = [m.end() for m in self.question_start.finditer(sentence.flat)]
        offset = sentence.flat_at[low]
        return any(start <= offset + len(sentence.words[low]) + 1 for start in starts)


def _orders(sentence: Sentence, at: int) -> bool:
    """Is the match an order ("Mix ..."), which a warning at its end does not undo?"""
    first = sentence.words[0]
    if first in ("if", "when", "to", "because", "since", "as") or sentence.words[at].endswith("ing"):
        return False
    return is_told(sentence, at) and not (at == 0 and sentence.stems[0] != sentence.words[0][: len(sentence.stems[0])])


def _after_words(masked: str, at: int, count: int) -> int:
    for found in re.finditer(r"\S+", masked[at:]):
        count -= 1
        if not count:
            return at + found.end()
    return len(masked)


def _quote_spans(flat: str) -> list[tuple[int, int]]:
    marks = [m.start() for m in re.finditer('"', flat)]
    return list(zip(marks[0::2], marks[1::2], strict=False))


def _in_quote(at: int, quotes: list[tuple[int, int]]) -> int:
    for number, (start, end) in enumerate(quotes):
        if start < at < end:
            return number
    return -1


def _any_of(fragments: list[str]) -> re.Pattern[str]:
    words = [f for f in fragments if re.match(r"[a-z(\[]", f)]
    marks = [f for f in fragments if f not in words]
    sides = []
    if words:
        sides.append(r"(?<![^ ])(?:" + "|".join(words) + r")(?![^ ])")
    if marks:
        sides.append("|".join(marks))
    return re.compile("|".join(sides))
