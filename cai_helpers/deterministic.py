"""What a pattern can decide, no model is asked: keys, database schemas, planted canaries, personal numbers.

In the order of the lesson: the patterns, the numbers that carry a checksum, the canary in disguise, contact details
that are nobody's secret, and the same search used to blank a text before it is written to a log.

Checksums: Luhn (ISO/IEC 7812-1) for cards, ISO 7064 MOD 97-10 for IBANs (ISO 13616, lengths by country).
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import TypedDict

MIN_CANARY = 6  # letters and digits: a shorter one would be found in ordinary words


class Found(TypedDict):
    """rule: "keys", "schemas", "canaries" or "personal_numbers". kind: which pattern. start, end: where in the plain
    text (`plain_text`); both 0 for a disguised canary. What was found is not kept: a finding may be logged."""

    rule: str
    kind: str
    start: int
    end: int


KEYS: dict[str, str] = {
    "vendor key": r"\bsk-[\w-]{16,}|\b[spr]k_(?:live|test)_\w{10,}|\bgh[opsru]_\w{20,}|\bgithub_pat_\w{20,}"
    r"|\bxox[abeprs]-[\w-]{10,}|\bAIza[\w-]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}",
    "access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "private key": r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?s:.)*?(?:-----END [^-]{0,40}-----|\Z)",
    "token": r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*",
    "key in an assignment": r"(?i:key|secret|token|passw(?:or)?d|pwd|credentials?|bearer|authorization)[\"'`]?"
    r"(?:\s{0,3}[:=]\s{0,3}|\s{1,3}is:?\s{1,3}|\s{1,3})(?:Bearer\s{1,3})?[\"'`]?"
    r"(?=(?:[\w+/=.-]*?\d){3})(?=[\w+/=.-]*[A-Za-z])[\w+/=.-]{16,}",
    "address with a password": r"\b[a-z][a-z0-9+]{1,20}://[^\s:/@]{1,64}:[^\s/@]{1,64}@[\w.-]+",
}
TYPE_WORDS = (
    r"(?:(?:big|small)?int|integer|serial|varchar|char|decimal|numeric|timestamptz?|datetime|boolean|uuid|jsonb?)"
)
COLUMN_WORD = r"(?!(?:an?|the|is|are|of|as|to|or|and|one|each|every|no)\b)[a-z_]\w*"
SCHEMAS: dict[str, str] = {
    "table definition": r"(?i)\b(?:create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:table|view)\s+(?:if\s+not\s+"
    r"exists\s+)?[\w.\"`\[\]]+\s*(?:\(|as\b)[^;]{0,2000}|alter\s+table\s+[\w.\"`\[\]]+\s+(?:add|drop|alter|rename)\b"
    r"|information_schema\b)",
    "typed columns": rf"(?i)\b{COLUMN_WORD}[ \t:(]+{TYPE_WORDS}\b(?:\(\d+[^)]{{0,10}}\))?[^.!?]{{0,40}}?"
    rf"[,;\n][^.!?]{{0,20}}?\b{COLUMN_WORD}[ \t:(]+{TYPE_WORDS}\b",
}
COLUMN = r"(?<![\w./@-])([a-z_][a-z0-9_]+)\.([a-z_][a-z0-9_]+)(?![\w@/]|\.\w)"
NO_TABLE = {"www", "http", "https"}


def plain_text(text: str) -> str:
    """The text as it is searched: wide and joined characters as plain ones, invisible ones left out."""
    text = unicodedata.normalize("NFKC", text).replace("‑", "-").replace("‐", "-")
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def find(text: str, prompt: str = "", canaries: Iterable[str] = (), allowed: Iterable[str] = ()) -> list[Found]:
    """Everything in a reply that may not go out, in the order of the text.

    prompt: contact details that the user wrote are not held against the reply. canaries: planted secrets, found in any
    case, spacing or punctuation, backwards, in base64 and in hex. allowed: contact details that may be given."""
    text = plain_text(text)
    found = [
        make(rule, kind, match)
        for rule, table in (("keys", KEYS), ("schemas", SCHEMAS))
        for kind, pattern in table.items()
        for match in re.finditer(pattern, text)
    ]
    found += [*columns(text), *canary_findings(text, canaries), *personal_numbers(text, prompt, allowed)]
    return sorted(found, key=lambda item: item["start"])


def make(rule: str, kind: str, match: re.Match[str]) -> Found:
    """A finding from a match."""
    return {"rule": rule, "kind": kind, "start": match.start(), "end": match.end()}


def columns(text: str) -> list[Found]:
    """Lists such as users.id, users.email, users.hash: three columns of a table, or two where one has a _."""
    tables: dict[str, list[re.Match[str]]] = {}
    for match in re.finditer(COLUMN, text):
        tables.setdefault(match[1], []).append(match)
    found = []
    for table, matches in tables.items():
        names = {match[2] for match in matches}
        if table not in NO_TABLE and len(names) >= (2 if "_" in table + "".join(names) else 3):
            found += [make("schemas", "table.column", match) for match in matches]
    return found


# ------------------------------------------------------------ planted canaries


def squeezed(text: str) -> str:
    """Letters and digits alone, in lower case."""
    return "".join(c for c in text.casefold() if c.isalnum())


def check_canaries(canaries: Iterable[str]) -> tuple[str, ...]:
    """The canaries themselves; ValueError where one is no text or too short to tell from ordinary words."""
    if isinstance(canaries, str):
        raise ValueError('canaries is a list: write canaries=["..."].')
    kept = tuple(canaries)
    for canary in kept:
        if not isinstance(canary, str) or len(squeezed(plain_text(canary))) < MIN_CANARY:
            raise ValueError(f"A canary is a text with at least {MIN_CANARY} letters or digits. Plant a longer one.")
    return kept


def canary_findings(text: str, canaries: Iterable[str]) -> list[Found]:
    """Planted secrets, as they were written or in disguise."""
    found: list[Found] = []
    small = squeezed(text)
    for canary in map(plain_text, canaries):
        literal = [make("canaries", "canary", m) for m in re.finditer(re.escape(canary), text, re.IGNORECASE)]
        disguised = any(form in small for form in disguises(canary))
        found += literal or ([{"rule": "canaries", "kind": "canary", "start": 0, "end": 0}] if disguised else [])
    return found


def disguises(canary: str) -> set[str]:
    """What is left of a canary when it is squeezed: as it is, backwards, in base64 and in hex."""
    raw, small = canary.encode("utf-8", "surrogatepass"), squeezed(canary)
    encoded = squeezed(base64.b64encode(raw[: len(raw) // 3 * 3]).decode())
    return {small, small[::-1], encoded, raw.hex()}


# ------------------------------------------------------------ personal numbers

IBAN_LENGTHS = {
    code[:2]: int(code[2:])
    for code in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
        "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
        "LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 "
        "SK24 SM27 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}
CARD = r"(?<![\d.])[2-6](?:[ -]?\d){12,18}(?!\d)"
IBAN = r"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}"
SSN = r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"
EMAIL = r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
PHONE = (
    r"(?<![\w+.-])(?:\+\d{1,3}[ ./-]?(?:\(\d{1,4}\)[ ./-]?)?\d(?:[ ./-]?\d){5,12}"  # +44 20 7946 0000
    r"|\(?0\d{1,5}\)?[ ./-]\d{2,4}(?:[ ./-]?\d){3,8}"  # 030 1234567
    r"|(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4})(?![\w-])"  # (212) 555-0123
)
NO_PHONE = r"(?i)\b(?:order|ticket|reference|case|tracking|parcel|invoice|article|item)\b[^.!?\n]{0,25}$"
FREE_PHONE = r"1?8(?:00|33|44|55|66|77|88)\d{7}|(?:00|0|44|49|31|32|33|34|39|41|43|48|353|61|64)800\d{4,8}"
ROLE_EMAIL = (
    r"(?i)(?:support|help(?:desk)?|info|service|care|customer[\w.-]*|contact|hello|team|billing|accounts?|sales|orders?"
    r"|returns?|refunds?|complaints?|privacy|security|feedback|press|office|no-?reply)@"
)


def personal_numbers(text: str, prompt: str = "", allowed: Iterable[str] = ()) -> Iterator[Found]:
    """Cards and IBANs whose checksum is right, social security numbers, and private contact details that neither the
    user nor `allowed` gave. An address such as support@ and a free phone number belong to an office, not a person."""
    free = [plain_text(text) for text in (prompt, *allowed)]
    numbers, words = " ".join(map(digits, free)), " ".join(free).casefold()
    tests: list[tuple[str, str, Callable[[re.Match[str]], bool]]] = [
        ("card", CARD, lambda match: luhn(digits(match[0]))),
        ("social security number", SSN, lambda match: True),
        ("e-mail", EMAIL, lambda match: match[0].casefold() not in words and not re.match(ROLE_EMAIL, match[0])),
        ("phone", PHONE, lambda match: is_private_phone(match, text, numbers)),
    ]
    for match in re.finditer(IBAN, text):
        if end := iban_end(match[0]):
            start = match.start()
            yield {"rule": "personal_numbers", "kind": "iban", "start": start, "end": start + end}
    for kind, pattern, holds in tests:
        for match in filter(holds, re.finditer(pattern, text)):
            yield make("personal_numbers", kind, match)


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


def is_private_phone(match: re.Match[str], text: str, known: str) -> bool:
    """Whether a number is a phone number of which nobody said that it may be given."""
    number = digits(match[0])
    if not 9 <= len(number) <= 15 or number in known or re.fullmatch(FREE_PHONE, number):
        return False
    return not re.search(NO_PHONE, text[max(0, match.start() - 40) : match.start()])


def luhn(number: str) -> bool:
    """Whether the last digit of a card number is the check digit of the others."""
    doubled = [int(c) * 2 if n % 2 else int(c) for n, c in enumerate(reversed(number))]
    return len(set(number)) > 1 and sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def iban_end(text: str) -> int:
    """Where the IBAN that a text begins with ends, or 0 where there is none."""
    length, seen = IBAN_LENGTHS.get(text[:2].upper(), 0), ""
    for place, character in enumerate(text.upper(), start=1):
        seen += character if character.isalnum() else ""
        if len(seen) == length:
            turned = "".join(str(int(c, 36)) for c in seen[4:] + seen[:4])
            return place if int(turned) % 97 == 1 else 0
    return 0


# ------------------------------------------------------------ for the log


def redact(text: str, canaries: Iterable[str] = (), allowed: Iterable[str] = ()) -> str:
    """The plain text with "[card]", "[e-mail]" ... in the place of all that is found; all of it blanked where a canary
    stands in it in disguise."""
    text = plain_text(text)
    found = find(text, canaries=canaries, allowed=allowed)
    if any(item["end"] == 0 for item in found):
        return "[a text with a canary in disguise]"
    blanked, place = "", 0
    for item in found:
        if item["start"] >= place:
            blanked += text[place : item["start"]] + f"[{item['kind']}]"
        place = max(place, item["end"])
    return blanked + text[place:]
