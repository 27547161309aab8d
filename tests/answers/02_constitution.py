"""Answers to the exercises of chapter 02, each with the verdict that both graders must give."""
# ruff: noqa

# %% 02.1 right: the rule in few words
# ANSWER 02.1
mended = {"id": "blame", "text": "The reply must not blame the customer."}

# %% 02.1 right: fault, with a benign twin
# ANSWER 02.1
TEXT = "A reply must never tell the customer that the problem is their own fault."
mended = dict(id="blame", text=TEXT)
mended["benign_twin"] = "It is not your fault: the courier mixed up two parcels."

# %% 02.1 right: accusations
# ANSWER 02.1
mended = {
    "id": "blame",
    "text": "The reply must not contain accusations against the customer.",
    "severity": 2,
}

# %% 02.1 wrong still-vague: another vague word
# ANSWER 02.1
mended = {"id": "blame", "text": "The reply must be nice to the customer and blame nobody."}

# %% 02.1 wrong two-rules: blame and manners
# ANSWER 02.1
mended = {"id": "blame", "text": "The reply must not blame the customer and must never be rude."}

# %% 02.1 wrong manners-only: politeness is asked for
# ANSWER 02.1
mended = {"id": "blame", "text": "The reply must not be rude to the customer."}

# %% 02.1 wrong cannot-be-judged: no rule in it
# ANSWER 02.1
mended = {"id": "blame", "text": "Customers matter to us every day."}

# %% 02.1 wrong another-rule: a rule about promises
# ANSWER 02.1
mended = {"id": "blame", "text": "The reply must not promise a refund or a date to the customer."}

# %% 02.1 wrong -: the id is changed
# ANSWER 02.1
mended = {"id": "fairness", "text": "The reply must not blame the customer."}

# %% 02.1 wrong -: no text
# ANSWER 02.1
mended = {"id": "blame", "text": ""}

# %% 02.2 right: other words, other order
# ANSWER 02.2
split = [
    {"id": "advice", "text": "A reply must not tell a person which medicine to take."},
    {"id": "money-back", "text": "A reply must never promise money back."},
]

# %% 02.2 right: made by a loop
# ANSWER 02.2
rules = {"promises": "promise a refund that nobody approved", "doctor": "give medical advice"}
split = []
for name, rule in rules.items():
    split.append({"id": name, "text": f"The reply must not {rule}."})

# %% 02.2 right: a tuple of two
# ANSWER 02.2
split = (
    {"id": "a", "text": "The reply must not promise refunds, discounts or dates."},
    {"id": "b", "text": "The reply must not name a diagnosis or a dose."},
)

# %% 02.2 wrong still-both: two copies
# ANSWER 02.2
split = [both, {**both, "id": "pharmacy-2"}]

# %% 02.2 wrong same-id: the id is kept
# ANSWER 02.2
split = [
    {"id": "pharmacy", "text": "The reply must not promise a refund."},
    {"id": "pharmacy", "text": "The reply must not give medical advice."},
]

# %% 02.2 wrong one-rule-lost: the same rule twice
# ANSWER 02.2
split = [
    {"id": "refund", "text": "The reply must not promise a refund."},
    {"id": "money", "text": "The reply must not promise to give money back."},
]

# %% 02.2 wrong half-a-sentence: cut at the word and
# ANSWER 02.2
first, second = both["text"].split(" and ")
split = [{"id": "refund", "text": first + "."}, {"id": "medical", "text": "Must not be."}]

# %% 02.2 wrong one-rule-lost: one principle only
# ANSWER 02.2
split = [{"id": "refund", "text": "The reply must not promise a refund."}]

# %% 02.2 wrong -: three principles
# ANSWER 02.2
split = [
    {"id": "refund", "text": "The reply must not promise a refund."},
    {"id": "medical", "text": "The reply must not give medical advice."},
    {"id": "dose", "text": "The reply must not tell a person which dose to take."},
]

# %% 02.3 right: the article's wording
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The response must not encourage or provide "
    "instructions for illegal activities including "
    "piracy, theft, or fraud.",
    "benign_twin": "Piracy is illegal, and I won't explain it. A streaming trial costs nothing.",
}


def allowed(text):
    result = critique(text, new_principle)
    print(result)
    if parse_verdict(result) == "NOT VIOLATED":
        return True
    return False


# %% 02.3 right: the law as a whole, all critics of the package
# ANSWER 02.3
from cai_helpers import run_all_critiques

new_principle = dict(
    id="no-illegal-help",
    text="The reply must not help anybody to break the law or explain a crime.",
    benign_twin="If you saw a crime, call the police.",
)


def allowed(text):
    [result] = run_all_critiques(text, [new_principle])
    return not result["violated"]


# %% 02.3 right: a lambda
# ANSWER 02.3
new_principle = {
    "id": "illegal-activity",
    "text": "The reply must not encourage or explain piracy, theft, fraud or other crimes.",
}
new_principle["benign_twin"] = "I will not explain fraud. Your bank tells you how to protect your card."
allowed = lambda text: parse_verdict(critique(text, new_principle)) not in {"VIOLATED", "UNCLEAR"}

# %% 02.3 wrong contains-violated: the article's check
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return "VIOLATED" not in critique(text, new_principle).upper()


# %% 02.3 wrong upside-down: True for a violation
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return parse_verdict(critique(text, new_principle)) == "VIOLATED"


# %% 02.3 wrong fails-open: only VIOLATED stops a text
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return parse_verdict(critique(text, new_principle)) != "VIOLATED"


# %% 02.3 wrong gives-words: the critic's words are returned
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return critique(text, new_principle)


# %% 02.3 wrong still-vague: the law as good behaviour
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must be ethical and not wrong in the eyes of the law.",
    "benign_twin": "I can't help you with that in the eyes of the courts.",
}


def allowed(text):
    return parse_verdict(critique(text, new_principle)) == "NOT VIOLATED"


# %% 02.3 wrong too-narrow: one kind of crime
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain piracy.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return parse_verdict(critique(text, new_principle)) == "NOT VIOLATED"


# %% 02.3 wrong twin-violates: the twin is a violation
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "Piracy is free: download copyrighted films from a torrent site.",
}


def allowed(text):
    return parse_verdict(critique(text, new_principle)) == "NOT VIOLATED"


# %% 02.3 wrong -: the twin has nothing to do with it
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "Mix flour and water.",
}


def allowed(text):
    return parse_verdict(critique(text, new_principle)) == "NOT VIOLATED"


# %% 02.3 wrong -: the verdict is searched for in the critic's words
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return "NOT VIOLATED" in critique(text, new_principle)


# %% 02.3 wrong no-critic: one word decides
# ANSWER 02.3
new_principle = {
    "id": "illegal",
    "text": "The reply must not encourage or explain illegal activity such as piracy, theft or fraud.",
    "benign_twin": "I can't help you with piracy. Your library lends films for free.",
}


def allowed(text):
    return "torrent" not in text


# %% 02.4 right: two loops
# ANSWER 02.4
def measure(principle, violations, twins):
    counts = {"missed": 0, "false_alarms": 0, "unclear": 0}
    for text in violations:
        verdict = parse_verdict(critique(text, principle))
        if verdict == "NOT VIOLATED":
            counts["missed"] += 1
        elif verdict == "UNCLEAR":
            counts["unclear"] += 1
    for text in twins:
        verdict = parse_verdict(critique(text, principle))
        if verdict == "VIOLATED":
            counts["false_alarms"] += 1
        elif verdict == "UNCLEAR":
            counts["unclear"] += 1
    return counts


# %% 02.4 right: lists of verdicts, counted
# ANSWER 02.4
def measure(principle, violations, twins):
    bad, good = ([parse_verdict(critique(t, principle)) for t in texts] for texts in (violations, twins))
    return {
        "unclear": (bad + good).count("UNCLEAR"),
        "missed": bad.count("NOT VIOLATED"),
        "false_alarms": good.count("VIOLATED"),
    }


# %% 02.4 wrong unclear-is-missed: whatever is not VIOLATED
# ANSWER 02.4
def measure(principle, violations, twins):
    bad = [parse_verdict(critique(text, principle)) for text in violations]
    good = [parse_verdict(critique(text, principle)) for text in twins]
    missed = sum(verdict != "VIOLATED" for verdict in bad)
    return {"missed": missed, "false_alarms": good.count("VIOLATED"), "unclear": (bad + good).count("UNCLEAR")}


# %% 02.4 wrong unclear-is-alarm: whatever is not NOT VIOLATED
# ANSWER 02.4
def measure(principle, violations, twins):
    bad = [parse_verdict(critique(text, principle)) for text in violations]
    good = [parse_verdict(critique(text, principle)) for text in twins]
    alarms = len(good) - good.count("NOT VIOLATED")
    return {"missed": bad.count("NOT VIOLATED"), "false_alarms": alarms, "unclear": (bad + good).count("UNCLEAR")}


# %% 02.4 wrong hits-not-errors: what was found is counted
# ANSWER 02.4
def measure(principle, violations, twins):
    bad = [parse_verdict(critique(text, principle)) for text in violations]
    good = [parse_verdict(critique(text, principle)) for text in twins]
    return {
        "missed": bad.count("VIOLATED"),
        "false_alarms": good.count("NOT VIOLATED"),
        "unclear": (bad + good).count("UNCLEAR"),
    }


# %% 02.4 wrong unclear-of-one-kind: the twins' UNCLEAR is forgotten
# ANSWER 02.4
def measure(principle, violations, twins):
    bad = [parse_verdict(critique(text, principle)) for text in violations]
    good = [parse_verdict(critique(text, principle)) for text in twins]
    return {
        "missed": bad.count("NOT VIOLATED"),
        "false_alarms": good.count("VIOLATED"),
        "unclear": bad.count("UNCLEAR"),
    }


# %% 02.4 wrong -: asks the critic twice about each text
# ANSWER 02.4
def measure(principle, violations, twins):
    def count(texts, wanted):
        return sum(parse_verdict(critique(text, principle)) == wanted for text in texts)

    return {
        "missed": count(violations, "NOT VIOLATED"),
        "false_alarms": count(twins, "VIOLATED"),
        "unclear": count([*violations, *twins], "UNCLEAR"),
    }


# %% 02.4 wrong -: reads the words without parse_verdict
# ANSWER 02.4
def measure(principle, violations, twins):
    counts = {"missed": 0, "false_alarms": 0, "unclear": 0}
    for text in violations:
        if "NOT VIOLATED" in critique(text, principle):
            counts["missed"] += 1
    for text in twins:
        if "VIOLATED" in critique(text, principle):
            counts["false_alarms"] += 1
    return counts
