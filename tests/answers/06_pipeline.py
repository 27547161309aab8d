# Answers to the exercises of 06_pipeline: right ones in other styles than the solution, and plausible wrong ones.
# A wrong one is headed by the name of its mistake, or by - where no mistake is named.

# %% 06.1 right: a helper that judges one stage
# ANSWER 06.1
def has_passed(part):
    if part is None:
        return False
    complete = part["total"] == len(part["details"])
    return complete and not any(c["violated"] for c in part["details"])


def status_of(stages):
    if has_passed(stages.get("critique")):
        return "clean"
    return "revised" if has_passed(stages.get("recheck")) else "withheld"


# %% 06.1 right: nested ifs, withheld unless shown otherwise
# ANSWER 06.1
def status_of(stages):
    status = "withheld"
    if "recheck" in stages:
        part = stages["recheck"]
        if not part["violations"] and len(part["details"]) >= part["total"]:
            status = "revised"
    if "critique" in stages:
        part = stages["critique"]
        if not part["violations"] and len(part["details"]) >= part["total"]:
            status = "clean"
    return status


# %% 06.1 wrong unchecked-ships: a revision without a recheck
# ANSWER 06.1
def status_of(stages):
    for name, status in (("critique", "clean"), ("recheck", "revised")):
        found = stages.get(name)
        if found and found["violations"] == 0 and len(found["details"]) == found["total"]:
            return status
    if "revise" in stages and "recheck" not in stages:
        return "revised"
    return "withheld"


# %% 06.1 wrong nobody-looked: no violations are enough for it
# ANSWER 06.1
def status_of(stages):
    if "critique" in stages and stages["critique"]["violations"] == 0:
        return "clean"
    if "recheck" in stages and stages["recheck"]["violations"] == 0:
        return "revised"
    return "withheld"


# %% 06.1 wrong missing-stage: takes every stage to be there
# ANSWER 06.1
def status_of(stages):
    critique, recheck = stages["critique"], stages["recheck"]
    if critique["violations"] == 0 and len(critique["details"]) == critique["total"]:
        return "clean"
    if recheck["violations"] == 0 and len(recheck["details"]) == recheck["total"]:
        return "revised"
    return "withheld"


# %% 06.1 wrong unclear-passes: looks for the word VIOLATED only
# ANSWER 06.1
def status_of(stages):
    for name, status in (("critique", "clean"), ("recheck", "revised")):
        found = stages.get(name)
        if found and len(found["details"]) == found["total"]:
            if not any(c["verdict"] == "VIOLATED" for c in found["details"]):
                return status
    return "withheld"


# %% 06.1 wrong -: whatever had a recheck is revised
# ANSWER 06.1
def status_of(stages):
    found = stages.get("critique")
    if found and found["violations"] == 0 and len(found["details"]) == found["total"]:
        return "clean"
    return "revised" if "recheck" in stages else "withheld"


# %% 06.1 wrong -: the recheck counts only after a complete critique
# ANSWER 06.1
def status_of(stages):
    first = stages.get("critique")
    if not first or len(first["details"]) != first["total"]:
        return "withheld"
    if first["violations"] == 0:
        return "clean"
    again = stages.get("recheck")
    if again and again["violations"] == 0 and len(again["details"]) == again["total"]:
        return "revised"
    return "withheld"


# %% 06.2 right: sums
# ANSWER 06.2
def expected_calls(stages):
    verdicts = [c["verdict"] for name in ("critique", "recheck") for c in stages.get(name, {"details": []})["details"]]
    return 1 + len(verdicts) + verdicts.count("UNCLEAR") + bool(stages["critique"]["violations"])


# %% 06.2 right: a dict of prices and a helper
# ANSWER 06.2
PRICE = {"VIOLATED": 1, "NOT VIOLATED": 1, "UNCLEAR": 2}


def critics_calls(part):
    return sum(PRICE[c["verdict"]] for c in part["details"])


def expected_calls(stages):
    calls = 1 + critics_calls(stages["critique"])
    if any(c["violated"] for c in stages["critique"]["details"]):
        calls += 1
    if "recheck" in stages:
        calls += critics_calls(stages["recheck"])
    return calls


# %% 06.2 wrong no-recheck: the article's formula
# ANSWER 06.2
def expected_calls(stages):
    calls = 1
    for c in stages["critique"]["details"]:
        calls += 2 if c["verdict"] == "UNCLEAR" else 1
    if stages["critique"]["violations"] > 0:
        calls += 1
    return calls


# %% 06.2 wrong unclear-once: one call per critique
# ANSWER 06.2
def expected_calls(stages):
    calls = 1
    for name in ("critique", "recheck"):
        if name in stages:
            calls += len(stages[name]["details"])
    if stages["critique"]["violations"] > 0:
        calls += 1
    return calls


# %% 06.2 wrong always-revised: a revision in every run
# ANSWER 06.2
def expected_calls(stages):
    calls = 2
    for name in ("critique", "recheck"):
        if name in stages:
            for c in stages[name]["details"]:
                calls += 2 if c["verdict"] == "UNCLEAR" else 1
    return calls


# %% 06.2 wrong per-violation: a call for each violation
# ANSWER 06.2
def expected_calls(stages):
    calls = 1 + stages["critique"]["violations"]
    for name in ("critique", "recheck"):
        if name in stages:
            for c in stages[name]["details"]:
                calls += 2 if c["verdict"] == "UNCLEAR" else 1
    return calls


# %% 06.2 wrong unclear-no-revision: only VIOLATED leads to a revision
# ANSWER 06.2
def expected_calls(stages):
    calls = 1
    for name in ("critique", "recheck"):
        if name in stages:
            for c in stages[name]["details"]:
                calls += 2 if c["verdict"] == "UNCLEAR" else 1
    if any(c["verdict"] == "VIOLATED" for c in stages["critique"]["details"]):
        calls += 1
    return calls


# %% 06.2 wrong unclear-once: the lesson's formula, which knows no unclear verdicts and no declined draft
# ANSWER 06.2
def expected_calls(stages):
    n = stages["critique"]["total"]
    return 1 + n if stages["critique"]["violations"] == 0 else 2 + 2 * n


# %% 06.2 wrong -: takes the recheck to be there
# ANSWER 06.2
def expected_calls(stages):
    calls = 1
    for name in ("critique", "recheck"):
        for c in stages[name]["details"]:
            calls += 2 if c["verdict"] == "UNCLEAR" else 1
    if stages["critique"]["violations"] > 0:
        calls += 1
    return calls


# %% 06.3 right: one way out, at the end
# ANSWER 06.3
def clean(text, prompt, constitution):
    return [c["violated"] for c in run_all_critiques(text, constitution, prompt)].count(True) == 0


def guard(reply, prompt, constitution):
    status, text = "withheld", WITHHELD
    if reply.strip() != "":
        found = run_all_critiques(reply, constitution, prompt)
        if sum(c["violated"] for c in found) == 0:
            status, text = "clean", reply
        else:
            try:
                revision = revise(reply, found, prompt)
                if clean(revision, prompt, constitution):
                    status, text = "revised", revision
            except LLMError:
                pass
    return status, text


# %% 06.3 right: a second function lists the ways out
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply or reply.isspace():
        return ("withheld", WITHHELD)
    stages = shown_by(reply, prompt, constitution)
    for name, text in stages:
        if text is not None:
            return (name, text)
    return ("withheld", WITHHELD)


def shown_by(reply, prompt, constitution):
    """The ways out that show a text, each with its text or None."""
    found = run_all_critiques(reply, constitution, user_prompt=prompt)
    broken = [c for c in found if c["violated"]]
    if len(broken) == 0:
        return [("clean", reply)]
    try:
        revision = revise(reply, found, user_prompt=prompt)
    except LLMError:
        return [("revised", None)]
    again = run_all_critiques(revision, constitution, user_prompt=prompt)
    return [("revised", None if any(c["violated"] for c in again) else revision)]


# %% 06.3 right: with the package's function, which takes a draft
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    from cai_helpers.pipeline import run_stages

    return run_stages({"generate": {"output": reply}}, prompt, constitution)


# %% 06.3 wrong unchecked-revision: ships the revision
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution, prompt)
    if not any(c["violated"] for c in found):
        return "clean", reply
    try:
        return "revised", revise(reply, found, prompt)
    except LLMError:
        return "withheld", WITHHELD


# %% 06.3 wrong broken-only: only the principles that were broken are judged again
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution, prompt)
    broken = [c["principle_id"] for c in found if c["violated"]]
    if not broken:
        return "clean", reply
    try:
        revision = revise(reply, found, prompt)
    except LLMError:
        return "withheld", WITHHELD
    again = run_all_critiques(revision, [p for p in constitution if p["id"] in broken], prompt)
    if any(c["violated"] for c in again):
        return "withheld", WITHHELD
    return "revised", revision


# %% 06.3 wrong reply-on-failure: shows the bot's reply where nothing passed
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution, prompt)
    if not any(c["violated"] for c in found):
        return "clean", reply
    try:
        revision = revise(reply, found, prompt)
    except LLMError:
        return "withheld", reply
    if any(c["violated"] for c in run_all_critiques(revision, constitution, prompt)):
        return "withheld", reply
    return "revised", revision


# %% 06.3 wrong error-escapes: no try around revise
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution, prompt)
    if not any(c["violated"] for c in found):
        return "clean", reply
    revision = revise(reply, found, prompt)
    if any(c["violated"] for c in run_all_critiques(revision, constitution, prompt)):
        return "withheld", WITHHELD
    return "revised", revision


# %% 06.3 wrong empty-reply: asks the critics about nothing
# ANSWER 06.3
def guard(reply, prompt, constitution):
    found = run_all_critiques(reply, constitution, prompt)
    if not any(c["violated"] for c in found):
        return "clean", reply
    try:
        revision = revise(reply, found, prompt)
    except LLMError:
        return "withheld", WITHHELD
    if any(c["violated"] for c in run_all_critiques(revision, constitution, prompt)):
        return "withheld", WITHHELD
    return "revised", revision


# %% 06.3 wrong no-prompt: critics and reviser do not know the question
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution)
    if not any(c["violated"] for c in found):
        return "clean", reply
    try:
        revision = revise(reply, found)
    except LLMError:
        return "withheld", WITHHELD
    if any(c["violated"] for c in run_all_critiques(revision, constitution)):
        return "withheld", WITHHELD
    return "revised", revision


# %% 06.3 wrong -: judges the reply a second time, not the revision
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution, prompt)
    if not any(c["violated"] for c in found):
        return "clean", reply
    try:
        revision = revise(reply, found, prompt)
    except LLMError:
        return "withheld", WITHHELD
    if any(c["violated"] for c in run_all_critiques(reply, constitution, prompt)):
        return "withheld", WITHHELD
    return "revised", revision


# %% 06.3 wrong -: the article's pipeline writes a draft of its own
# ANSWER 06.3
def guard(reply, prompt, constitution):
    result = constitutional_ai_pipeline(prompt, constitution)
    return result["status"], result["final"]


# %% 06.3 wrong unchecked-revision: a revision with fewer violations is good enough for it
# ANSWER 06.3
def guard(reply, prompt, constitution):
    if not reply.strip():
        return "withheld", WITHHELD
    found = run_all_critiques(reply, constitution, prompt)
    if not any(c["violated"] for c in found):
        return "clean", reply
    try:
        revision = revise(reply, found, prompt)
    except LLMError:
        return "withheld", WITHHELD
    again = run_all_critiques(revision, constitution, prompt)
    if sum(c["violated"] for c in again) > sum(c["violated"] for c in found):
        return "withheld", WITHHELD
    return "revised", revision
