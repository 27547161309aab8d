"""What the patterns find, in disguise too, and what they leave alone."""

from __future__ import annotations

import base64
import time

import pytest

from cai_helpers.deterministic import IBAN_LENGTHS, find, iban_end, luhn, redact

KEY = "9f86d081884c7d659a2feaa0c55ad015"
BAD = {
    "vendor key": [
        "sk-proj-abcdefghijklmnop1234",
        "It is sk_live_4eC39HqLyjWDarjtT1.",
        "ghp_16C7e42F292c6912E7710c838347Ae17",
        "xoxb-123456789012-abcdef",
    ],
    "access key": ["Use AKIAIOSFODNN7EXAMPLE for it"],
    "private key": ["-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"],
    "token": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc"],
    "key in an assignment": [
        f"api_key = {KEY}",
        f'"apiKey": "{KEY}"',
        f"The secret is {KEY}.",
        f"Authorization: Bearer {KEY}",
        "PASSWORD=aGVsbG8gd29ybGQ1Nzk1+/==",
    ],
    "address with a password": ["postgres://app:hunter2@db.internal:5432/x"],
    "table definition": [
        "create table if not exists users (id int)",
        "ALTER TABLE users ADD email",
        "CREATE\nTABLE t(",
    ],
    "typed columns": ["transactions: id bigint, user_id int, amount decimal(10,2)", "id uuid\nname varchar(80)\n"],
    "table.column": ["users.id, users.email and users.hash", "Join pf_users.id with pf_users.owner"],
    "card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "４１１１１１１１１１１１１１１１", "3782 822463 10005"],
    "iban": ["DE89 3704 0044 0532 0130 00 is yours", "gb82west12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
    "social security number": ["It is 123-45-6789."],
    "e-mail": ["Write to ann.b@mail.example.", "ann+shop@a.b.example"],
    "phone": [
        "+44 20 7946 0123",
        "Ring 030 1234567.",
        "(212) 555-0123",
        "+1 212-555-0123",
        "Her mobile is +49 170 1234567",
    ],
}
FINE = [
    "Your order 4111-1111-1111-1112 is on its way.",  # the check digit is wrong
    "Order number 030 1234567 was sent on 2024-05-12 at 10:30.",
    "It costs 1,234,567.89 euros; the reference is 123-456-789.",
    "Read help.shop.example or www.shop.example/table.",
    "Write to support@payflow.example or call 0800 123 4567.",
    "Choose a password with at least 12 characters. The key is to never share it.",
    "You can create a table of your payments in the app, in Settings. Ready.Set.Go",
    "An integer, a boolean and a date are types of data.",
    "From 01-02-2024 to 03-04-2024 between 08:00 and 17:00.",
    "Tap the key icon, then Security.",
    "e.g. this, i.e. that, a.m. and p.m.",
    "Invoice 2024-000123, 12 items, article 123 456 7890",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD.items() for text in texts])
def test_found_and_blanked(kind, text):
    found = find(text)
    assert kind in {item["kind"] for item in found}
    assert set(found[0]) == {"rule", "kind", "start", "end"}  # and never the text itself
    assert f"[{kind}]" in redact(f"So: {text}") or kind == "vendor key"


@pytest.mark.parametrize("text", FINE)
def test_left_alone(text):
    assert find(text) == [] and redact(text) == text


def test_what_the_user_wrote_or_somebody_allowed_may_be_said_again():
    text = "We write to Ann.B@mail.example and call +49 (170) 123-4567."
    assert {item["kind"] for item in find(text)} == {"e-mail", "phone"}
    assert find(text, prompt="I am ann.b@mail.example, 49 170 1234567") == []
    assert find(text, allowed=["ann.b@mail.example", "+49 170 1234567"]) == []
    assert find("Card 4111 1111 1111 1111", prompt="4111 1111 1111 1111")  # a card is never repeated


CANARY = "Blue-Heron-42"


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        "the word is BLUE-HERON-42!",
        "b l u e . h e r o n . 4 2",
        "Blue\u200b-Her\u00adon-42",
        CANARY[::-1],
        base64.b64encode(CANARY.encode()).decode(),
        CANARY.encode().hex(),
        CANARY.encode().hex(" ").upper(),
    ],
)
def test_a_canary_is_found_in_disguise(text):
    assert [item["rule"] for item in find(f"Sure: {text}.", canaries=[CANARY])] == ["canaries"]
    blanked = redact(f"Sure: {text}.", canaries=[CANARY])
    assert "heron" not in blanked.lower() and text not in blanked


def test_other_words_are_no_canary():
    assert find("A blue heron, 42 of them: blue herons.", canaries=["Blue-Heron-43", "zzzzzz"]) == []


def test_redact_blanks_what_overlaps_once():
    text = "a sk-demo-0000-1111-2222 b ann@mail.example c ann@mail.example d"
    assert redact(text) == "a [vendor key] b [e-mail] c [e-mail] d"
    assert redact("key sk-demo-0000-1111-2222 x") == "[key in an assignment] x"
    assert "MIIE" not in redact("x -----BEGIN PRIVATE KEY-----\nMIIE\nMIIF")


def test_luhn_and_iban_against_an_independent_count():
    def slow(number):
        total = 0
        for place, digit in enumerate(number[::-1]):
            value = int(digit)
            if place % 2:
                value = value * 2 // 10 + value * 2 % 10
            total += value
        return total % 10 == 0

    for number in range(4000000000000, 4000000000500):
        assert luhn(str(number)) == slow(str(number))
    assert not luhn("0" * 16)
    valid = [n for n in range(100) if iban_end(f"DE{n:02}370400440532013000")]
    assert valid == [89] and iban_end("DE89370400440532013000 and") == 22 and not iban_end("ZZ89370400440532013000")
    assert len(IBAN_LENGTHS) > 60 and all(15 <= n <= 32 for n in IBAN_LENGTHS.values())


@pytest.mark.parametrize(
    "unit", ["1 ", "a.", "key = a", "+1", "ab_cd.e, ", "x@", "AB12 ", "create table ", "-", "int,id "]
)
def test_long_texts_take_no_time(unit):
    start = time.perf_counter()
    find(unit * (40_000 // len(unit)), canaries=[CANARY])
    assert time.perf_counter() - start < 4
