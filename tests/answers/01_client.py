"""Answers to the exercises of chapter 01, each with the verdict that both graders must give."""
# ruff: noqa

# %% 01.1 right: the reasons in a dict
# ANSWER 01.1
NAMES = {
    "refusal": "refusal",
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
}


def read_reply(reply):
    name = NAMES.get(reply.get("stop_reason"))
    if name:
        return (name, "")
    words = ""
    for block in reply.get("content") or []:
        if block.get("type") == "text":
            words += block.get("text", "")
    return ("answer", words) if words.strip() else ("empty", "")


# %% 01.1 right: one expression, a list for a pair
# ANSWER 01.1
def read_reply(reply):
    reason = reply["stop_reason"]
    parts = [b["text"] for b in reply["content"] if b["type"] == "text"]
    kind = (
        "refusal"
        if reason == "refusal"
        else "truncated"
        if reason in {"max_tokens", "model_context_window_exceeded"}
        else "answer"
        if "".join(parts).split()
        else "empty"
    )
    print(kind)
    return [kind, "".join(parts) if kind == "answer" else ""]


# %% 01.1 wrong first-block: the article's way
# ANSWER 01.1
def read_reply(reply):
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] in ("max_tokens", "model_context_window_exceeded"):
        return "truncated", ""
    if not reply["content"] or not reply["content"][0]["text"].strip():
        return "empty", ""
    return "answer", reply["content"][0]["text"]


# %% 01.1 wrong one-text-block: the last text only
# ANSWER 01.1
def read_reply(reply):
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] in ("max_tokens", "model_context_window_exceeded"):
        return "truncated", ""
    text = ""
    for block in reply["content"]:
        if block["type"] == "text":
            text = block["text"]
    return ("answer", text) if text.strip() else ("empty", "")


# %% 01.1 wrong half-answer: only a refusal is looked at
# ANSWER 01.1
def read_reply(reply):
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    text = "".join(block["text"] for block in reply["content"] if block["type"] == "text")
    if text.strip():
        return "answer", text
    return ("truncated", "") if reply["stop_reason"] != "end_turn" else ("empty", "")


# %% 01.1 wrong text-before-reason: empty comes first
# ANSWER 01.1
def read_reply(reply):
    text = "".join(block["text"] for block in reply["content"] if block["type"] == "text")
    if not text.strip():
        return "empty", ""
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] in ("max_tokens", "model_context_window_exceeded"):
        return "truncated", ""
    return "answer", text


# %% 01.1 wrong blank-answer: white space counts as text
# ANSWER 01.1
def read_reply(reply):
    text = "".join(block["text"] for block in reply["content"] if block["type"] == "text")
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] in ("max_tokens", "model_context_window_exceeded"):
        return "truncated", ""
    return ("answer", text) if text else ("empty", "")


# %% 01.1 wrong -: the text is stripped
# ANSWER 01.1
def read_reply(reply):
    text = "".join(block["text"] for block in reply["content"] if block["type"] == "text").strip()
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] in ("max_tokens", "model_context_window_exceeded"):
        return "truncated", ""
    return ("answer", text) if text else ("empty", "")


# %% 01.1 wrong -: the second reason for a cut is forgotten
# ANSWER 01.1
def read_reply(reply):
    text = "".join(block["text"] for block in reply["content"] if block["type"] == "text")
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] == "max_tokens":
        return "truncated", ""
    return ("answer", text) if text.strip() else ("empty", "")


# %% 01.1 wrong -: every block with a text is taken
# ANSWER 01.1
def read_reply(reply):
    text = "".join(block.get("text", "") for block in reply["content"])
    if reply["stop_reason"] == "refusal":
        return "refusal", ""
    if reply["stop_reason"] in ("max_tokens", "model_context_window_exceeded"):
        return "truncated", ""
    return ("answer", text) if text.strip() else ("empty", "")


# %% 01.2 right: sums of generators
# ANSWER 01.2
def cost_of(trace, prices):
    replies = [row["reply"] for row in trace if type(row["reply"]) is dict and "usage" in row["reply"]]
    return sum(reply["usage"].get(kind, 0) * prices[kind] for reply in replies for kind in prices) / 1e6


# %% 01.2 right: try and except, exact fractions
# ANSWER 01.2
from fractions import Fraction


def cost_of(trace, prices):
    total = Fraction(0)
    for row in trace:
        try:
            usage = row["reply"]["usage"]
        except (KeyError, TypeError):
            continue
        for kind in usage:
            if kind in prices:
                total += Fraction(usage[kind]) * Fraction(prices[kind])
    return float(total / 1_000_000)


# %% 01.2 right: tokens are added up first
# ANSWER 01.2
def cost_of(trace, prices):
    tokens = dict.fromkeys(prices, 0)
    for row in trace:
        if not isinstance(row["reply"], dict):
            continue
        for kind in tokens:
            tokens[kind] += row["reply"].get("usage", {}).get(kind, 0)
    return sum(tokens[kind] / 1_000_000 * prices[kind] for kind in prices)


# %% 01.2 wrong stops-at-failure: every reply is taken for an answer
# ANSWER 01.2
def cost_of(trace, prices):
    dollars = 0
    for exchange in trace:
        for kind, price in prices.items():
            dollars += exchange["reply"]["usage"].get(kind, 0) * price / 1_000_000
    return dollars


# %% 01.2 wrong stops-at-failure: a text as reply is forgotten
# ANSWER 01.2
def cost_of(trace, prices):
    dollars = 0
    for exchange in trace:
        usage = exchange["reply"].get("usage", {})
        for kind, price in prices.items():
            dollars += usage.get(kind, 0) * price / 1_000_000
    return dollars


# %% 01.2 wrong per-token: the million is forgotten
# ANSWER 01.2
def cost_of(trace, prices):
    dollars = 0
    for exchange in trace:
        reply = exchange["reply"]
        usage = reply.get("usage", {}) if isinstance(reply, dict) else {}
        for kind, price in prices.items():
            dollars += usage.get(kind, 0) * price
    return dollars


# %% 01.2 wrong one-price: all tokens at the price of the input
# ANSWER 01.2
def cost_of(trace, prices):
    dollars = 0
    for exchange in trace:
        reply = exchange["reply"]
        usage = reply.get("usage", {}) if isinstance(reply, dict) else {}
        tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
        dollars += tokens * prices.get("input_tokens", 0) / 1_000_000
    return dollars


# %% 01.2 wrong one-exchange: returns inside the loop
# ANSWER 01.2
def cost_of(trace, prices):
    for exchange in trace:
        reply = exchange["reply"]
        if isinstance(reply, dict) and "usage" in reply:
            return sum(reply["usage"].get(kind, 0) * price for kind, price in prices.items()) / 1_000_000
    return 0


# %% 01.2 wrong -: the loop ends at the first failure
# ANSWER 01.2
def cost_of(trace, prices):
    dollars = 0
    for exchange in trace:
        reply = exchange["reply"]
        if not isinstance(reply, dict) or "usage" not in reply:
            break
        dollars += sum(reply["usage"].get(kind, 0) * price for kind, price in prices.items()) / 1_000_000
    return dollars


# %% 01.2 wrong -: rounded to cents
# ANSWER 01.2
def cost_of(trace, prices):
    dollars = 0
    for exchange in trace:
        reply = exchange["reply"]
        usage = reply.get("usage", {}) if isinstance(reply, dict) else {}
        dollars += sum(usage.get(kind, 0) * price for kind, price in prices.items()) / 1_000_000
    return round(dollars, 2)


# %% 01.3 right: one loop with continue left out
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds, own = [], 0.5
    for status, headers in replies[: max_attempts - 1]:
        if not should_retry(status, headers):
            return seconds
        asked = headers.get("retry-after")
        wait = own if asked is None else float(asked)
        if wait > 120:
            return seconds
        seconds += [wait]
        own = min(own * 2, 8)
    return seconds


# %% 01.3 right: a helper and a while loop
# ANSWER 01.3
def next_wait(headers, attempt):
    if "retry-after" in headers:
        return float(headers["retry-after"])
    return [0.5, 1, 2, 4, 8][min(attempt, 5) - 1]


def waits(replies, max_attempts=3):
    seconds = []
    attempt = 1
    while attempt < max_attempts:
        status, headers = replies[attempt - 1]
        if not should_retry(status, headers) or next_wait(headers, attempt) > 120:
            break
        seconds.append(next_wait(headers, attempt))
        attempt += 1
    print("attempts:", attempt)
    return seconds


# %% 01.3 wrong wait-after-last: no look at the number of attempts before the wait
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies[:max_attempts], start=1):
        if not should_retry(status, headers):
            break
        wait = float(headers.get("retry-after", min(8, 0.5 * 2 ** (attempt - 1))))
        if wait > 120:
            break
        seconds.append(wait)
    return seconds


# %% 01.3 wrong tries-all-again: only the answer ends the loop
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies, start=1):
        if attempt == max_attempts or status == 200:
            break
        wait = float(headers.get("retry-after", min(8, 0.5 * 2 ** (attempt - 1))))
        if wait > 120:
            break
        seconds.append(wait)
    return seconds


# %% 01.3 wrong sleeps-for-an-hour: obeys every wait
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies, start=1):
        if attempt == max_attempts or not should_retry(status, headers):
            break
        seconds.append(float(headers.get("retry-after", min(8, 0.5 * 2 ** (attempt - 1)))))
    return seconds


# %% 01.3 wrong never-longer: always half a second
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies, start=1):
        if attempt == max_attempts or not should_retry(status, headers):
            break
        wait = float(headers.get("retry-after", 0.5))
        if wait > 120:
            break
        seconds.append(wait)
    return seconds


# %% 01.3 wrong no-limit: doubles for ever
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies, start=1):
        if attempt == max_attempts or not should_retry(status, headers):
            break
        wait = float(headers.get("retry-after", 0.5 * 2 ** (attempt - 1)))
        if wait > 120:
            break
        seconds.append(wait)
    return seconds


# %% 01.3 wrong -: cuts a long wait to 120 s
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies, start=1):
        if attempt == max_attempts or not should_retry(status, headers):
            break
        wait = float(headers.get("retry-after", min(8, 0.5 * 2 ** (attempt - 1))))
        seconds.append(min(120, wait))
    return seconds


# %% 01.3 wrong -: counts its own waits and not the attempts
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds, own = [], 0.5
    for status, headers in replies[: max_attempts - 1]:
        if not should_retry(status, headers):
            break
        if "retry-after" in headers:
            wait = float(headers["retry-after"])
        else:
            wait, own = own, min(8, 2 * own)
        if wait > 120:
            break
        seconds.append(wait)
    return seconds


# %% 01.3 wrong -: the server's wait is cut to 8 s
# ANSWER 01.3
def waits(replies, max_attempts=3):
    seconds = []
    for attempt, (status, headers) in enumerate(replies, start=1):
        if attempt == max_attempts or not should_retry(status, headers):
            break
        wait = float(headers.get("retry-after", 0.5 * 2 ** (attempt - 1)))
        if wait > 120:
            break
        seconds.append(min(8, wait))
    return seconds
