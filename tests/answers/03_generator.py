"""Answers to the exercises of chapter 03, each with the verdict that both graders must give."""
# ruff: noqa


# %% 03.1 right: two lists
# ANSWER 03.1
def distinct(drafts):
    seen, kept = [], []
    for draft in drafts:
        key = draft.split()
        if key not in seen:
            seen.append(key)
            kept.append(draft)
    return kept


# %% 03.1 right: a regular expression and a set of keys
# ANSWER 03.1
import re


def distinct(drafts):
    seen = set()
    result = []
    for draft in drafts:
        key = re.sub(r"\s+", " ", draft).strip()
        if key in seen:
            continue
        seen.add(key)
        result += [draft]
    print(len(result), "different drafts")
    return result


# %% 03.1 wrong order-lost: a set of keys
# ANSWER 03.1
def distinct(drafts):
    first = {}
    for draft in drafts:
        first.setdefault(" ".join(draft.split()), draft)
    return sorted(first.values(), key=len)[::-1]


# %% 03.1 wrong order-lost: set does it all
# ANSWER 03.1
def distinct(drafts):
    return list(set(drafts))


# %% 03.1 wrong white-space-counts: equal texts only
# ANSWER 03.1
def distinct(drafts):
    return list(dict.fromkeys(drafts))


# %% 03.1 wrong text-changed: the key is kept
# ANSWER 03.1
def distinct(drafts):
    return list(dict.fromkeys(" ".join(draft.split()) for draft in drafts))


# %% 03.1 wrong no-space-left: all white space goes
# ANSWER 03.1
def distinct(drafts):
    first = {}
    for draft in drafts:
        first.setdefault("".join(draft.split()), draft)
    return list(first.values())


# %% 03.1 wrong neighbours-only: compared with the last one
# ANSWER 03.1
def distinct(drafts):
    kept = []
    for draft in drafts:
        if not kept or draft.split() != kept[-1].split():
            kept.append(draft)
    return kept


# %% 03.1 wrong -: the last one is kept
# ANSWER 03.1
def distinct(drafts):
    found = {}
    for draft in drafts:
        found[" ".join(draft.split())] = draft
    return list(found.values())


# %% 03.1 wrong -: capital letters make no difference
# ANSWER 03.1
def distinct(drafts):
    first = {}
    for draft in drafts:
        first.setdefault(" ".join(draft.lower().split()), draft)
    return list(first.values())


# %% 03.2 right: one dict, filled in
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    for prompt in prompts:
        row = {"prompt": prompt, "draft": None, "problem": None}
        try:
            row["draft"] = generate(prompt)
        except ValueError:
            row["problem"] = "no prompt"
        except LLMError as error:
            row["problem"] = error.type
        rows.append(row)
    return rows


# %% 03.2 right: a helper for one prompt
# ANSWER 03.2
def one(prompt):
    try:
        return dict(problem=None, draft=generate(prompt), prompt=prompt)
    except (LLMError, ValueError) as error:
        return dict(prompt=prompt, draft=None, problem=getattr(error, "type", "no prompt"))


def draft_all(prompts):
    return [one(prompt) for prompt in prompts]


# %% 03.2 wrong stops-at-failure: the try stands around the loop
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    try:
        for prompt in prompts:
            rows.append({"prompt": prompt, "draft": generate(prompt), "problem": None})
    except LLMError as error:
        rows.append({"prompt": prompt, "draft": None, "problem": error.type})
    except ValueError:
        rows.append({"prompt": prompt, "draft": None, "problem": "no prompt"})
    return rows


# %% 03.2 wrong stops-at-failure: nothing is caught
# ANSWER 03.2
def draft_all(prompts):
    return [{"prompt": prompt, "draft": generate(prompt), "problem": None} for prompt in prompts]


# %% 03.2 wrong stops-at-failure: failures are left out
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    for prompt in prompts:
        try:
            rows.append({"prompt": prompt, "draft": generate(prompt), "problem": None})
        except (LLMError, ValueError):
            continue
    return rows


# %% 03.2 wrong half-draft: what had arrived is taken
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    for prompt in prompts:
        draft = problem = None
        try:
            draft = generate(prompt)
        except LLMError as error:
            draft, problem = error.text or None, error.type
        except ValueError:
            problem = "no prompt"
        rows.append({"prompt": prompt, "draft": draft, "problem": problem})
    return rows


# %% 03.2 wrong hides-bugs: every error is caught
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    for prompt in prompts:
        draft = problem = None
        try:
            draft = generate(prompt)
        except LLMError as error:
            problem = error.type
        except Exception:
            problem = "no prompt"
        rows.append({"prompt": prompt, "draft": draft, "problem": problem})
    return rows


# %% 03.2 wrong message-not-type: the whole sentence as the problem
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    for prompt in prompts:
        draft = problem = None
        try:
            draft = generate(prompt)
        except LLMError as error:
            problem = str(error)
        except ValueError:
            problem = "no prompt"
        rows.append({"prompt": prompt, "draft": draft, "problem": problem})
    return rows


# %% 03.2 wrong -: an old draft stays for the next prompt
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    draft = problem = None
    for prompt in prompts:
        try:
            draft = generate(prompt)
        except LLMError as error:
            problem = error.type
        except ValueError:
            problem = "no prompt"
        rows.append({"prompt": prompt, "draft": draft, "problem": problem})
    return rows


# %% 03.2 wrong -: each prompt once only
# ANSWER 03.2
def draft_all(prompts):
    rows = []
    for prompt in dict.fromkeys(prompts):
        draft = problem = None
        try:
            draft = generate(prompt)
        except LLMError as error:
            problem = error.type
        except ValueError:
            problem = "no prompt"
        rows.append({"prompt": prompt, "draft": draft, "problem": problem})
    return rows


# %% 03.3 right: a while loop with two conditions
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    found = {}
    calls = 0
    while len(found) < n and calls < limit:
        found[ask(user_prompt)] = True
        calls += 1
    return list(found)


# %% 03.3 right: returns from inside the loop
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = []
    if n <= 0:
        return drafts
    for call in range(1, limit + 1):
        new = ask(user_prompt)
        print(call, new)
        if not any(new == old for old in drafts):
            drafts += [new]
        if len(drafts) >= n:
            return drafts
    return drafts


# %% 03.3 wrong never-stops: waits for n drafts
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = []
    while len(drafts) < n:
        draft = ask(user_prompt)
        if draft not in drafts:
            drafts.append(draft)
    return drafts


# %% 03.3 wrong asks-n-times: n calls
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = []
    for _ in range(min(n, limit)):
        draft = ask(user_prompt)
        if draft not in drafts:
            drafts.append(draft)
    return drafts


# %% 03.3 wrong asks-to-the-limit: cut at the end
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = dict.fromkeys(ask(user_prompt) for _ in range(limit))
    return list(drafts)[:n]


# %% 03.3 wrong too-many: one call more than needed
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = []
    for _ in range(limit):
        if len(drafts) > n:
            break
        draft = ask(user_prompt)
        if draft not in drafts:
            drafts.append(draft)
    return drafts


# %% 03.3 wrong repeats: compared with the last one
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = []
    for _ in range(limit):
        if len(drafts) == n:
            break
        draft = ask(user_prompt)
        if not drafts or draft != drafts[-1]:
            drafts.append(draft)
    return drafts


# %% 03.3 wrong -: a set loses the order
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = set()
    for _ in range(limit):
        if len(drafts) == n:
            break
        drafts.add(ask(user_prompt))
    return sorted(drafts)


# %% 03.3 wrong -: the first call is not counted
# ANSWER 03.3
def different_drafts(user_prompt, n, limit=20):
    drafts = [ask(user_prompt)]
    for _ in range(limit):
        if len(drafts) == n:
            break
        draft = ask(user_prompt)
        if draft not in drafts:
            drafts.append(draft)
    return drafts
