"""Answers to the exercises of chapter 08, each with the verdict that both graders must give."""
# ruff: noqa


# %% 08.1 right: a dict of lists, filled first
# ANSWER 08.1
def in_order(answers, constitution):
    came = {}
    for name, verdict in answers:
        came.setdefault(name, []).append(verdict)
    result = []
    for p in constitution:
        mine = came.get(p["id"], [])
        if mine and all(v == mine[0] for v in mine):
            result.append(mine[0])
        else:
            result.append("UNCLEAR")
    return result


# %% 08.1 right: a later answer that differs turns to UNCLEAR
# ANSWER 08.1
def in_order(answers, constitution):
    verdict_of = {}
    for name, verdict in answers:
        verdict_of[name] = verdict if verdict_of.get(name, verdict) == verdict else "UNCLEAR"
    print(len(verdict_of), "principles were answered")
    return [verdict_of.get(p["id"], "UNCLEAR") for p in constitution]


# %% 08.1 wrong order-of-answers: the verdicts as they came
# ANSWER 08.1
def in_order(answers, constitution):
    ids = [p["id"] for p in constitution]
    verdicts = [verdict for name, verdict in answers if name in ids]
    return verdicts + ["UNCLEAR"] * (len(ids) - len(verdicts))


# %% 08.1 wrong missing-left-out: only what was answered
# ANSWER 08.1
def in_order(answers, constitution):
    verdicts = []
    for principle in constitution:
        found = {verdict for name, verdict in answers if name == principle["id"]}
        if found:
            verdicts.append(found.pop() if len(found) == 1 else "UNCLEAR")
    return verdicts


# %% 08.1 wrong missing-passes: no violation was found
# ANSWER 08.1
def in_order(answers, constitution):
    found = dict(answers)
    return [found.get(p["id"], "NOT VIOLATED") for p in constitution]


# %% 08.1 wrong one-answer-wins: a dict keeps the last
# ANSWER 08.1
def in_order(answers, constitution):
    found = dict(answers)
    return [found.get(p["id"], "UNCLEAR") for p in constitution]


# %% 08.1 wrong agreeing-is-unclear: answers are counted, not verdicts
# ANSWER 08.1
def in_order(answers, constitution):
    verdicts = []
    for principle in constitution:
        found = [verdict for name, verdict in answers if name == principle["id"]]
        verdicts.append(found[0] if len(found) == 1 else "UNCLEAR")
    return verdicts


# %% 08.2 right: a heap
# ANSWER 08.2
import heapq


def wall_time(seconds, workers):
    ends = [0] * workers
    for takes in seconds:
        heapq.heappush(ends, heapq.heappop(ends) + takes)
    return max(ends)


# %% 08.2 right: a sorted list, the first worker is the free one
# ANSWER 08.2
def wall_time(seconds, workers):
    free_at, last = [0] * workers, 0
    for takes in seconds:
        free_at = sorted(free_at)
        end = free_at.pop(0) + takes
        free_at.append(end)
        if end > last:
            last = end
    return last


# %% 08.2 wrong always-the-slowest: the largest of all
# ANSWER 08.2
def wall_time(seconds, workers):
    return max(seconds, default=0)


# %% 08.2 wrong one-after-another: the sum
# ANSWER 08.2
def wall_time(seconds, workers):
    total = 0
    for takes in seconds:
        total += takes
    return total


# %% 08.2 wrong shared-evenly: the sum divided
# ANSWER 08.2
def wall_time(seconds, workers):
    return -(-sum(seconds) // workers)


# %% 08.2 wrong in-waves: as many as there are workers, then the next wave
# ANSWER 08.2
def wall_time(seconds, workers):
    total = 0
    for start in range(0, len(seconds), workers):
        total += max(seconds[start : start + workers])
    return total


# %% 08.2 wrong in-turn: dealt out like cards
# ANSWER 08.2
def wall_time(seconds, workers):
    free_at = [0] * workers
    for number, takes in enumerate(seconds):
        free_at[number % workers] += takes
    return max(free_at)


# %% 08.2 wrong longest-first: sorted before they are handed in
# ANSWER 08.2
def wall_time(seconds, workers):
    free_at = [0] * workers
    for takes in sorted(seconds, reverse=True):
        free_at[free_at.index(min(free_at))] += takes
    return max(free_at)


# %% 08.3 right: map keeps the order, and a helper catches
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    check_constitution(constitution)

    def judge(principle):
        try:
            return critique_one(draft, principle, user_prompt)
        except Exception as error:
            return no_critique(principle, repr(error))

    with new_pool(max_workers) as pool:
        return list(pool.map(judge, constitution))


# %% 08.3 right: as_completed, with the place of each future
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    check_constitution(constitution)
    results = [None] * len(constitution)
    with new_pool(max_workers=min(len(constitution), max_workers)) as pool:
        places = {pool.submit(critique_one, draft, p, user_prompt): n for n, p in enumerate(constitution)}
        for future in as_completed(places):
            n = places[future]
            error = future.exception()
            results[n] = future.result() if error is None else no_critique(constitution[n], str(error))
            print(n + 1, "of", len(constitution))
    return results


# %% 08.3 wrong loses-order: the seed article's as_completed
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    check_constitution(constitution)
    critiques = []
    with new_pool(min(max_workers, len(constitution))) as pool:
        futures = {pool.submit(critique_one, draft, p, user_prompt): p for p in constitution}
        for future in as_completed(futures):
            try:
                critiques.append(future.result())
            except Exception as error:
                critiques.append(no_critique(futures[future], str(error)))
    return critiques


# %% 08.3 wrong one-error-loses-all: results without a try
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    check_constitution(constitution)
    with new_pool(min(max_workers, len(constitution))) as pool:
        futures = [pool.submit(critique_one, draft, p, user_prompt) for p in constitution]
        return [future.result() for future in futures]


# %% 08.3 wrong failure-left-out: what failed is skipped
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    check_constitution(constitution)
    critiques = []
    with new_pool(min(max_workers, len(constitution))) as pool:
        for future in [pool.submit(critique_one, draft, p, user_prompt) for p in constitution]:
            try:
                critiques.append(future.result())
            except Exception:
                pass
    return critiques


# %% 08.3 wrong one-at-a-time: each result is waited for
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    check_constitution(constitution)
    critiques = []
    with new_pool(min(max_workers, len(constitution))) as pool:
        for principle in constitution:
            try:
                critiques.append(pool.submit(critique_one, draft, principle, user_prompt).result())
            except Exception as error:
                critiques.append(no_critique(principle, str(error)))
    return critiques


# %% 08.3 wrong no-pool: a plain loop
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    # ThreadPoolExecutor
    return run_all_critiques(draft, constitution, user_prompt)


# %% 08.3 wrong a-worker-each: no bound
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    principles = check_constitution(constitution)
    critiques = []
    with new_pool(len(principles)) as pool:
        futures = [pool.submit(critique_one, draft, p, user_prompt) for p in principles]
        for future, principle in zip(futures, principles):
            try:
                critiques.append(future.result())
            except Exception as error:
                critiques.append(no_critique(principle, str(error)))
    return critiques


# %% 08.3 wrong prompt-forgotten: the critics see the draft alone
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    principles = check_constitution(constitution)
    critiques = []
    with new_pool(min(max_workers, len(principles))) as pool:
        futures = [pool.submit(critique_one, draft, p) for p in principles]
        for future, principle in zip(futures, principles):
            try:
                critiques.append(future.result())
            except Exception as error:
                critiques.append(no_critique(principle, str(error)))
    return critiques


# %% 08.3 wrong -: an empty constitution is answered with an empty list
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    if not constitution:
        return []

    def judge(principle):
        try:
            return critique_one(draft, principle, user_prompt)
        except Exception as error:
            return no_critique(principle, str(error))

    with new_pool(max_workers) as pool:
        return list(pool.map(judge, constitution))


# %% 08.3 wrong -: a failure counts as not violated
# ANSWER 08.3
def critics_at_once(draft, constitution, user_prompt=None, max_workers=8, new_pool=ThreadPoolExecutor):
    principles = check_constitution(constitution)

    def judge(principle):
        try:
            return critique_one(draft, principle, user_prompt)
        except Exception as error:
            return {**no_critique(principle, str(error)), "violated": False}

    with new_pool(max_workers) as pool:
        return list(pool.map(judge, principles))
