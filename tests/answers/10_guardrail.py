"""Answers to the exercises of chapter 10, each with the verdict that both graders must give."""
# ruff: noqa

# %% 10.1 right: a helper and a regular expression
# ANSWER 10.1
import re


def squeezed(text):
    return re.sub(r"[^0-9a-z]", "", text.casefold())


def leaks(reply, canary):
    planted = squeezed(canary)
    if len(planted) < 6:
        raise ValueError("too short")
    return any(form in squeezed(reply) for form in (planted, planted[::-1]))


# %% 10.1 right: loops, and an early return
# ANSWER 10.1
def leaks(reply, canary):
    texts = []
    for text in (reply, canary):
        kept = ""
        for letter in text:
            if letter.isalpha() or letter.isdigit():
                kept += letter.upper()
        texts.append(kept)
    said, planted = texts
    if len(planted) <= 5:
        raise ValueError(f"{canary!r} is too short")
    if planted in said:
        return True
    return planted in said[::-1]


# %% 10.1 wrong plain-search: as it was written
# ANSWER 10.1
def leaks(reply, canary):
    if sum(c.isalnum() for c in canary) < 6:
        raise ValueError("too short")
    return canary in reply or canary[::-1] in reply


# %% 10.1 wrong one-direction: backwards is forgotten
# ANSWER 10.1
def leaks(reply, canary):
    said = "".join(c for c in reply.lower() if c.isalnum())
    planted = "".join(c for c in canary.lower() if c.isalnum())
    if len(planted) < 6:
        raise ValueError("too short")
    return planted in said


# %% 10.1 wrong letters-only: digits are dropped
# ANSWER 10.1
def leaks(reply, canary):
    said = "".join(c for c in reply.lower() if c.isalpha())
    planted = "".join(c for c in canary.lower() if c.isalpha())
    if len(planted) < 6:
        raise ValueError("too short")
    return planted in said or planted[::-1] in said


# %% 10.1 wrong signs-counted: the length of the canary as it is
# ANSWER 10.1
def leaks(reply, canary):
    if len(canary) < 6:
        raise ValueError("too short")
    said = "".join(c for c in reply.lower() if c.isalnum())
    planted = "".join(c for c in canary.lower() if c.isalnum())
    return planted in said or planted[::-1] in said


# %% 10.1 wrong -: the sorted letters
# ANSWER 10.1
def leaks(reply, canary):
    said = "".join(c for c in reply.lower() if c.isalnum())
    planted = "".join(c for c in canary.lower() if c.isalnum())
    if len(planted) < 6:
        raise ValueError("too short")
    return planted in said or planted[::-1] in said or set(planted) <= set(said)


# %% 10.2 right: one condition after the other
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
    except Exception:
        return "UNCLEAR"
    if type(found) is not dict:
        return "UNCLEAR"
    reasoning = found.get("reasoning")
    good = isinstance(reasoning, str) and reasoning.strip() != ""
    good = good and isinstance(found.get("quotes"), list)
    if good and found.get("verdict") == "VIOLATED":
        return "VIOLATED"
    if good and found.get("verdict") == "NOT VIOLATED" and found["quotes"] == []:
        return "NOT VIOLATED"
    return "UNCLEAR"


# %% 10.2 right: everything in one try
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
        assert found["reasoning"].strip()
        assert isinstance(found["quotes"], list)
        word = found["verdict"]
        assert word == "VIOLATED" or (word == "NOT VIOLATED" and len(found["quotes"]) == 0)
        return word
    except Exception:
        return "UNCLEAR"


# %% 10.2 wrong raises: None and missing keys
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
    except ValueError:
        return "UNCLEAR"
    if (
        not isinstance(found["reasoning"], str)
        or not found["reasoning"].strip()
        or not isinstance(found["quotes"], list)
    ):
        return "UNCLEAR"
    if found["verdict"] == "NOT VIOLATED" and found["quotes"]:
        return "UNCLEAR"
    return found["verdict"] if found["verdict"] in ("VIOLATED", "NOT VIOLATED") else "UNCLEAR"


# %% 10.2 wrong contradiction-passes: quotes are not compared with the verdict
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
        reasoning, quotes, verdict = found["reasoning"], found["quotes"], found["verdict"]
    except (TypeError, ValueError, KeyError):
        return "UNCLEAR"
    if not isinstance(reasoning, str) or not reasoning.strip() or not isinstance(quotes, list):
        return "UNCLEAR"
    return verdict if verdict in ("VIOLATED", "NOT VIOLATED") else "UNCLEAR"


# %% 10.2 wrong words-inside: upper case and a substring
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
        reasoning, quotes, verdict = found["reasoning"], found["quotes"], str(found["verdict"]).upper()
    except (TypeError, ValueError, KeyError):
        return "UNCLEAR"
    if not isinstance(reasoning, str) or not reasoning.strip() or not isinstance(quotes, list):
        return "UNCLEAR"
    if "NOT VIOLATED" in verdict:
        return "UNCLEAR" if quotes else "NOT VIOLATED"
    return "VIOLATED" if "VIOLATED" in verdict else "UNCLEAR"


# %% 10.2 wrong empty-reasoning: blank words are words
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
        reasoning, quotes, verdict = found["reasoning"], found["quotes"], found["verdict"]
    except (TypeError, ValueError, KeyError):
        return "UNCLEAR"
    if not isinstance(reasoning, str) or not reasoning or not isinstance(quotes, list):
        return "UNCLEAR"
    if verdict == "NOT VIOLATED" and quotes:
        return "UNCLEAR"
    return verdict if verdict in ("VIOLATED", "NOT VIOLATED") else "UNCLEAR"


# %% 10.2 wrong passes-by-default: whatever is no violation passes
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
        reasoning, quotes, verdict = found["reasoning"], found["quotes"], found["verdict"]
    except (TypeError, ValueError, KeyError):
        return "UNCLEAR"
    if not isinstance(reasoning, str) or not reasoning.strip() or not isinstance(quotes, list):
        return "UNCLEAR"
    if verdict != "VIOLATED" and quotes:
        return "UNCLEAR"
    return "VIOLATED" if verdict == "VIOLATED" else "NOT VIOLATED"


# %% 10.2 wrong -: any quotes will do
# ANSWER 10.2
def read_verdict(answer):
    try:
        found = json.loads(answer)
        reasoning, quotes, verdict = found["reasoning"], found["quotes"], found["verdict"]
    except (TypeError, ValueError, KeyError):
        return "UNCLEAR"
    if not isinstance(reasoning, str) or not reasoning.strip():
        return "UNCLEAR"
    if verdict == "NOT VIOLATED" and quotes:
        return "UNCLEAR"
    return verdict if verdict in ("VIOLATED", "NOT VIOLATED") else "UNCLEAR"


# %% 10.3 right: other words, a loop
# ANSWER 10.3
RULES = [
    {"id": "promises", "text": "Never promise refunds, delivery dates or discounts without approval."},
    {"id": "figures", "text": "Do not reveal internal figures such as cost prices, margins or sales targets."},
    {"id": "blame", "text": "Never say or imply that the customer is at fault."},
]


def count_triggers(rules, complaints, bot):
    counts = {}
    for rule in rules:
        counts[rule["id"]] = 0
    guard = Guardrail(rules, bot, router=False)
    for complaint in complaints:
        result = guard.guard(complaint)
        for name in counts:
            if result["verdicts"].get(name) == "VIOLATED":
                counts[name] += 1
    return counts


# %% 10.3 right: from the log, with a Counter
# ANSWER 10.3
from collections import Counter

RULES = [
    {"id": "promises", "text": "The reply must not make unapproved promises such as refunds or discounts."},
    {"id": "figures", "text": "The response must not disclose our cost price, profit margin or sales targets."},
    {"id": "blame", "text": "The reply must not accuse the customer of causing the problem."},
]


def count_triggers(rules, complaints, bot):
    log = []
    guard = Guardrail(rules, bot, router=False, log=log)
    for complaint in complaints:
        guard.guard(complaint)
    found = Counter(name for record in log for name, verdict in record["verdicts"].items() if verdict == "VIOLATED")
    return {rule["id"]: found[rule["id"]] for rule in rules}


# %% 10.3 wrong unclear-counts: all that is not NOT VIOLATED
# ANSWER 10.3
RULES = [
    {"id": "promises", "text": "The reply must not promise a refund, a date or a discount that nobody has approved."},
    {"id": "figures", "text": "The reply must not share cost prices, margins, sales targets or complaint counts."},
    {"id": "blame", "text": "The reply must not blame the customer."},
]


def count_triggers(rules, complaints, bot):
    guard = Guardrail(rules, bot, router=False)
    found = [guard.guard(complaint)["verdicts"] for complaint in complaints]
    return {r["id"]: sum(v.get(r["id"], "NOT VIOLATED") != "NOT VIOLATED" for v in found) for r in rules}


# %% 10.3 wrong zero-left-out: only what came back
# ANSWER 10.3
RULES = [
    {"id": "promises", "text": "The reply must not promise a refund, a date or a discount that nobody has approved."},
    {"id": "figures", "text": "The reply must not share cost prices, margins, sales targets or complaint counts."},
    {"id": "blame", "text": "The reply must not blame the customer."},
]


def count_triggers(rules, complaints, bot):
    guard = Guardrail(rules, bot, router=False)
    counts = {}
    for complaint in complaints:
        for name, verdict in guard.guard(complaint)["verdicts"].items():
            if verdict == "VIOLATED":
                counts[name] = counts.get(name, 0) + 1
    return counts


# %% 10.3 wrong outcome-counted: every answer that was not passed
# ANSWER 10.3
RULES = [
    {"id": "promises", "text": "The reply must not promise a refund, a date or a discount that nobody has approved."},
    {"id": "figures", "text": "The reply must not share cost prices, margins, sales targets or complaint counts."},
    {"id": "blame", "text": "The reply must not blame the customer."},
]


def count_triggers(rules, complaints, bot):
    guard = Guardrail(rules, bot, router=False)
    stopped = sum(guard.guard(complaint)["outcome"] != "passed" for complaint in complaints)
    return {rule["id"]: stopped for rule in rules}


# %% 10.3 wrong own-rules-only: the global list
# ANSWER 10.3
RULES = [
    {"id": "promises", "text": "The reply must not promise a refund, a date or a discount that nobody has approved."},
    {"id": "figures", "text": "The reply must not share cost prices, margins, sales targets or complaint counts."},
    {"id": "blame", "text": "The reply must not blame the customer."},
]


def count_triggers(rules, complaints, bot):
    guard = Guardrail(RULES, bot, router=False)
    found = [guard.guard(complaint)["verdicts"] for complaint in complaints]
    return {rule["id"]: sum(verdicts.get(rule["id"]) == "VIOLATED" for verdicts in found) for rule in RULES}


# %% 10.3 wrong -: a principle that cannot be judged
# ANSWER 10.3
RULES = [
    {"id": "promises", "text": "The reply must not promise a refund, a date or a discount that nobody has approved."},
    {"id": "figures", "text": "Be discreet."},
    {"id": "blame", "text": "The reply must not blame the customer."},
]


def count_triggers(rules, complaints, bot):
    guard = Guardrail(rules, bot, router=False)
    found = [guard.guard(complaint)["verdicts"] for complaint in complaints]
    return {rule["id"]: sum(verdicts.get(rule["id"]) == "VIOLATED" for verdicts in found) for rule in rules}


# %% 10.4 right: one loop
# ANSWER 10.4
def missed_by_router(records):
    missed = judged = unseen = 0
    for record in records:
        if record["route"] == "skipped":
            unseen += 1
        if record["route"] != "sampled":
            continue
        verdicts = list(record["verdicts"].values())
        if "VIOLATED" in verdicts:
            missed, judged = missed + 1, judged + 1
        elif verdicts and all(verdict == "NOT VIOLATED" for verdict in verdicts):
            judged += 1
    low, high = wilson(missed, judged)
    return (missed, judged, math.ceil(high * unseen))


# %% 10.4 right: lists, and a list as result
# ANSWER 10.4
def missed_by_router(records):
    routes = [record["route"] for record in records]
    drawn = [list(record["verdicts"].values()) for record in records if record["route"] == "sampled"]
    bad = [verdicts for verdicts in drawn if verdicts.count("VIOLATED") > 0]
    good = [verdicts for verdicts in drawn if len(verdicts) > 0 and verdicts.count("NOT VIOLATED") == len(verdicts)]
    judged = len(bad) + len(good)
    return [len(bad), judged, math.ceil(wilson(len(bad), judged)[1] * routes.count("skipped"))]


# %% 10.4 wrong all-routes: what the critics saw anyway
# ANSWER 10.4
def missed_by_router(records):
    drawn = [set(record["verdicts"].values()) for record in records if record["route"] != "skipped"]
    missed = sum("VIOLATED" in verdicts for verdicts in drawn)
    judged = missed + drawn.count({"NOT VIOLATED"})
    unseen = sum(record["route"] == "skipped" for record in records)
    return missed, judged, math.ceil(wilson(missed, judged)[1] * unseen)


# %% 10.4 wrong unclear-kept: all drawn ones are judged
# ANSWER 10.4
def missed_by_router(records):
    drawn = [set(record["verdicts"].values()) for record in records if record["route"] == "sampled"]
    missed = sum("VIOLATED" in verdicts for verdicts in drawn)
    unseen = sum(record["route"] == "skipped" for record in records)
    return missed, len(drawn), math.ceil(wilson(missed, len(drawn))[1] * unseen)


# %% 10.4 wrong unclear-missed: fail-closed in the wrong place
# ANSWER 10.4
def missed_by_router(records):
    drawn = [set(record["verdicts"].values()) for record in records if record["route"] == "sampled"]
    missed = sum(verdicts != {"NOT VIOLATED"} for verdicts in drawn)
    unseen = sum(record["route"] == "skipped" for record in records)
    return missed, len(drawn), math.ceil(wilson(missed, len(drawn))[1] * unseen)


# %% 10.4 wrong no-interval: the share itself
# ANSWER 10.4
def missed_by_router(records):
    drawn = [set(record["verdicts"].values()) for record in records if record["route"] == "sampled"]
    missed = sum("VIOLATED" in verdicts for verdicts in drawn)
    judged = missed + drawn.count({"NOT VIOLATED"})
    unseen = sum(record["route"] == "skipped" for record in records)
    return missed, judged, math.ceil(missed / judged * unseen) if judged else unseen


# %% 10.4 wrong drawn-among-skipped: the drawn ones went out too
# ANSWER 10.4
def missed_by_router(records):
    drawn = [set(record["verdicts"].values()) for record in records if record["route"] == "sampled"]
    missed = sum("VIOLATED" in verdicts for verdicts in drawn)
    judged = missed + drawn.count({"NOT VIOLATED"})
    unseen = sum(record["route"] != "critic" for record in records)
    return missed, judged, math.ceil(wilson(missed, judged)[1] * unseen)
