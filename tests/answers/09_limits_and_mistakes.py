"""Answers to the exercises of chapter 09, each with the verdict that both graders must give."""
# ruff: noqa


# %% 09.1 right: one loop that counts, lists for pairs
# ANSWER 09.1
def score(rows):
    found = {"recall": [0, 0], "false_alarms": [0, 0], "over_refusal": [0, 0]}
    for row in rows:
        if row["label"] == "VIOLATED":
            found["recall"][1] += 1
            found["recall"][0] += 1 if row["flagged"] else 0
            continue
        for name, field in (("false_alarms", "flagged"), ("over_refusal", "stopped")):
            found[name][1] += 1
            if row[field]:
                found[name][0] += 1
    return found


# %% 09.1 right: a helper function
# ANSWER 09.1
def pair(rows, label, field):
    values = [row[field] for row in rows if row["label"] == label]
    print(label, field, len(values))
    return values.count(True), len(values)


def score(rows):
    return dict(
        recall=pair(rows, "VIOLATED", "flagged"),
        false_alarms=pair(rows, "NOT VIOLATED", "flagged"),
        over_refusal=pair(rows, "NOT VIOLATED", "stopped"),
    )


# %% 09.1 wrong label-inside: NOT VIOLATED contains VIOLATED
# ANSWER 09.1
def score(rows):
    violating = [row for row in rows if "VIOLATED" in row["label"]]
    harmless = [row for row in rows if "NOT" in row["label"]]
    return {
        "recall": (sum(row["flagged"] for row in violating), len(violating)),
        "false_alarms": (sum(row["flagged"] for row in harmless), len(harmless)),
        "over_refusal": (sum(row["stopped"] for row in harmless), len(harmless)),
    }


# %% 09.1 wrong flagged-is-stopped: over-refusal counts flags
# ANSWER 09.1
def score(rows):
    violating = [row["flagged"] for row in rows if row["label"] == "VIOLATED"]
    harmless = [row["flagged"] for row in rows if row["label"] != "VIOLATED"]
    alarms = (sum(harmless), len(harmless))
    return {"recall": (sum(violating), len(violating)), "false_alarms": alarms, "over_refusal": alarms}


# %% 09.1 wrong share-of-alarms: precision in place of recall
# ANSWER 09.1
def score(rows):
    flagged = [row for row in rows if row["flagged"]]
    harmless = [row for row in rows if row["label"] != "VIOLATED"]
    return {
        "recall": (sum(row["label"] == "VIOLATED" for row in flagged), len(flagged)),
        "false_alarms": (sum(row["flagged"] for row in harmless), len(harmless)),
        "over_refusal": (sum(row["stopped"] for row in harmless), len(harmless)),
    }


# %% 09.1 wrong among-all: all rows are the cases
# ANSWER 09.1
def score(rows):
    def hits(label, field):
        return sum(row[field] for row in rows if row["label"] == label), len(rows)

    return {
        "recall": hits("VIOLATED", "flagged"),
        "false_alarms": hits("NOT VIOLATED", "flagged"),
        "over_refusal": hits("NOT VIOLATED", "stopped"),
    }


# %% 09.2 right: try one more principle until the money is gone
# ANSWER 09.2
def most_principles(runs, calls):
    def needed(n):
        total = 0
        for revisions in runs:
            total += runs[revisions] * (1 + revisions) * (1 + n)
        return total

    n = 0
    while needed(n + 1) <= calls:
        n += 1
    return n


# %% 09.2 right: drafts and revisions apart
# ANSWER 09.2
def most_principles(runs, calls):
    drafts = sum(runs.values())
    revisions = sum(k * prompts for k, prompts in runs.items())
    left = calls - (drafts + revisions)
    if left < 0:
        return 0
    return int(left / (drafts + revisions))


# %% 09.2 wrong revision-unread: the article's count
# ANSWER 09.2
def most_principles(runs, calls):
    drafts = sum(runs.values())
    revisions = sum(k * prompts for k, prompts in runs.items())
    return max(0, (calls - drafts - revisions) // drafts)


# %% 09.2 wrong writing-forgotten: critiques only
# ANSWER 09.2
def most_principles(runs, calls):
    texts = sum(prompts * (1 + revisions) for revisions, prompts in runs.items())
    return calls // texts


# %% 09.2 wrong draft-forgotten: revisions are the texts
# ANSWER 09.2
def most_principles(runs, calls):
    texts = sum(prompts * max(1, revisions) for revisions, prompts in runs.items())
    return max(0, calls // texts - 1)


# %% 09.2 wrong all-like-the-worst: the worst case for every prompt
# ANSWER 09.2
def most_principles(runs, calls):
    texts = sum(runs.values()) * (1 + max(runs))
    return max(0, calls // texts - 1)


# %% 09.2 wrong below-zero: no lower end
# ANSWER 09.2
def most_principles(runs, calls):
    texts = sum(prompts * (1 + revisions) for revisions, prompts in runs.items())
    return calls // texts - 1


# %% 09.2 wrong rounds-up: to the nearest number
# ANSWER 09.2
def most_principles(runs, calls):
    texts = sum(prompts * (1 + revisions) for revisions, prompts in runs.items())
    return max(0, -(-calls // texts) - 1)


# %% 09.3 right: counted in a loop
# ANSWER 09.3
def too_strict(rows, allowed):
    hits = cases = 0
    for row in rows:
        if row["kind"] == "benign_twin":
            cases += 1
            hits += row["stopped"]
    if cases == 0:
        return "cannot tell"
    interval = wilson(hits, cases)
    if interval[0] > allowed:
        return "yes"
    if interval[1] > allowed:
        return "cannot tell"
    return "no"


# %% 09.3 right: one expression
# ANSWER 09.3
def too_strict(rows, allowed):
    some = list(filter(lambda row: row["kind"] == "benign_twin", rows))
    above = [end > allowed for end in wilson(len([r for r in some if r["stopped"]]), len(some))]
    return "yes" if all(above) else "cannot tell" if any(above) else "no"


# %% 09.3 wrong share-only: the share decides
# ANSWER 09.3
def too_strict(rows, allowed):
    stopped = [row["stopped"] for row in rows if row["kind"] == "benign_twin"]
    if not stopped:
        return "cannot tell"
    return "yes" if sum(stopped) / len(stopped) > allowed else "no"


# %% 09.3 wrong none-seen-is-never: zero is taken for proof
# ANSWER 09.3
def too_strict(rows, allowed):
    stopped = [row["stopped"] for row in rows if row["kind"] == "benign_twin"]
    if sum(stopped) == 0:
        return "no"
    low, high = wilson(sum(stopped), len(stopped))
    return "yes" if low > allowed else "no" if high <= allowed else "cannot tell"


# %% 09.3 wrong all-kinds: every harmless row
# ANSWER 09.3
def too_strict(rows, allowed):
    stopped = [row["stopped"] for row in rows if row["label"] == "NOT VIOLATED"]
    low, high = wilson(sum(stopped), len(stopped))
    return "yes" if low > allowed else "no" if high <= allowed else "cannot tell"


# %% 09.3 wrong flagged-counts: flagged in place of stopped
# ANSWER 09.3
def too_strict(rows, allowed):
    flagged = [row["flagged"] for row in rows if row["kind"] == "benign_twin"]
    low, high = wilson(sum(flagged), len(flagged))
    return "yes" if low > allowed else "no" if high <= allowed else "cannot tell"


# %% 09.3 wrong wrong-end: the upper end above allowed is a yes
# ANSWER 09.3
def too_strict(rows, allowed):
    stopped = [row["stopped"] for row in rows if row["kind"] == "benign_twin"]
    low, high = wilson(sum(stopped), len(stopped))
    return "yes" if high > allowed and sum(stopped) else "no" if high <= allowed else "cannot tell"


# %% 09.4 right: the pass comes first
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    first = ask(draft, rule)
    if first == "NOT VIOLATED":
        awake = ask("\n\n".join([draft, plant]), rule) == "VIOLATED"
        print("awake:", awake)
        if not awake:
            first = "UNCLEAR"
    return first


# %% 09.4 right: a table of both verdicts
# ANSWER 09.4
def planted(draft, plant):
    return f"{draft}\n\n{plant}"


def safe_verdict(draft, rule, plant):
    verdict = ask(text=draft, rule=rule)
    if verdict in ("VIOLATED", "UNCLEAR"):
        return verdict
    return {"VIOLATED": "NOT VIOLATED"}.get(ask(text=planted(draft, plant), rule=rule), "UNCLEAR")


# %% 09.4 wrong plant-alone: the critic is asked about the plant only
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    if ask(plant, rule) != "VIOLATED":
        return "UNCLEAR"
    return ask(draft, rule)


# %% 09.4 wrong asks-the-same-again: twice the same question
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    first, second = ask(draft, rule), ask(draft, rule)
    return first if first == second else "UNCLEAR"


# %% 09.4 wrong trusts-the-sleeper: the control is read the wrong way round
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    verdict = ask(draft, rule)
    if verdict != "NOT VIOLATED":
        return verdict
    return "NOT VIOLATED" if ask(draft + "\n\n" + plant, rule) == "NOT VIOLATED" else "UNCLEAR"


# %% 09.4 wrong unclear-is-awake: anything but a pass shows that it is awake
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    verdict = ask(draft, rule)
    if verdict != "NOT VIOLATED":
        return verdict
    return "UNCLEAR" if ask(draft + "\n\n" + plant, rule) == "NOT VIOLATED" else "NOT VIOLATED"


# %% 09.4 wrong claims-a-violation: what is not trusted is a violation
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    verdict = ask(draft, rule)
    if verdict != "NOT VIOLATED":
        return verdict
    return "NOT VIOLATED" if ask(draft + "\n\n" + plant, rule) == "VIOLATED" else "VIOLATED"


# %% 09.4 wrong asks-always: both questions in any case
# ANSWER 09.4
def safe_verdict(draft, rule, plant):
    verdict, control = ask(draft, rule), ask(draft + "\n\n" + plant, rule)
    if verdict != "NOT VIOLATED":
        return verdict
    return "NOT VIOLATED" if control == "VIOLATED" else "UNCLEAR"
