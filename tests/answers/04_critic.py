# Answers to the exercises of 04_critic: right ones in other styles than the solution, and plausible wrong ones.
# A wrong one is headed by the name of its mistake, or by - where no mistake is named.

# %% 04.1 right: a pattern for the whole line
# ANSWER 04.1
import re


def read_last_line(text):
    last = ([""] + [line.strip() for line in text.splitlines() if line.strip()])[-1]
    found = re.fullmatch(r"\s*VERDICT: ((?:NOT )?VIOLATED)\s*\.?", last.replace("*", "").upper())
    return found[1] if found else "UNCLEAR"


# %% 04.1 right: backwards through the lines, with a dict
# ANSWER 04.1
MEANING = {"verdict: violated": "VIOLATED", "verdict: not violated": "NOT VIOLATED"}


def read_last_line(text):
    for line in reversed(text.split("\n")):
        if line.strip():
            words = line.lower().replace("*", " ").split()
            return MEANING.get(" ".join(words).removesuffix(".").strip(), "UNCLEAR")
    return "UNCLEAR"


# %% 04.1 right: step by step
# ANSWER 04.1
def read_last_line(text):
    last = text.strip().split("\n")[-1].strip()
    while "*" in last:
        last = last.replace("*", "")
    last = last.strip()
    if last.endswith("."):
        last = last[:-1]
    last = last.casefold()
    if last == "verdict: violated":
        return "VIOLATED"
    elif last == "verdict: not violated":
        return "NOT VIOLATED"
    else:
        return "UNCLEAR"


# %% 04.1 wrong word-anywhere: looks for the word in the line
# ANSWER 04.1
def read_last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1].upper() if lines else ""
    if "VIOLATED" in last:
        return "VIOLATED"
    if "NOT VIOLATED" in last:
        return "NOT VIOLATED"
    return "UNCLEAR"


# %% 04.1 wrong unclear-passes: what is no violation passes
# ANSWER 04.1
def read_last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1].replace("*", "").strip().rstrip(".").upper() if lines else ""
    return "VIOLATED" if last == "VERDICT: VIOLATED" else "NOT VIOLATED"


# %% 04.1 wrong taken-back: takes the last verdict line, wherever it stands
# ANSWER 04.1
def read_last_line(text):
    verdict = "UNCLEAR"
    for line in text.splitlines():
        words = line.replace("*", "").strip().rstrip(".").upper()
        if words in ("VERDICT: VIOLATED", "VERDICT: NOT VIOLATED"):
            verdict = words.removeprefix("VERDICT: ")
    return verdict


# %% 04.1 wrong no-lines: an empty answer has no last line
# ANSWER 04.1
def read_last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1].replace("*", "").strip().rstrip(".").upper()
    for verdict in ("VIOLATED", "NOT VIOLATED"):
        if last == "VERDICT: " + verdict:
            return verdict
    return "UNCLEAR"


# %% 04.1 wrong -: half a verdict is enough for it
# ANSWER 04.1
def read_last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1].replace("*", "").strip().upper() if lines else ""
    if last.startswith("VERDICT: NOT VIOLATED"):
        return "NOT VIOLATED"
    if last.startswith("VERDICT: VIOLATED"):
        return "VIOLATED"
    return "UNCLEAR"


# %% 04.1 wrong -: stars and the full stop stay in the line
# ANSWER 04.1
def read_last_line(text):
    last = text.strip().split("\n")[-1].strip().upper()
    for verdict in ("VIOLATED", "NOT VIOLATED"):
        if last == "VERDICT: " + verdict:
            return verdict
    return "UNCLEAR"


# %% 04.1 wrong unclear-passes: the lesson's parse_verdict reads everything, and False becomes a pass
# ANSWER 04.1
def read_last_line(text):
    return "VIOLATED" if parse_verdict(text) == "VIOLATED" else "NOT VIOLATED"


# %% 04.2 right: a pattern and a list comprehension
# ANSWER 04.2
import re


def invented_quotes(answer, draft):
    return [q for q in re.findall(r'^Quote: "(.*)"$', answer, re.MULTILINE) if not quote_in(q, draft)]


# %% 04.2 right: two small functions
# ANSWER 04.2
def quotes_of(answer):
    for line in answer.split("\n"):
        if line.startswith('Quote: "') and line.endswith('"'):
            yield line.removeprefix('Quote: "').removesuffix('"')


def invented_quotes(answer, draft):
    return list(filter(lambda quote: not quote_in(quote, draft), quotes_of(answer)))


# %% 04.2 wrong first-only: the lesson's find_quote
# ANSWER 04.2
from cai_helpers.verdict import find_quote


def invented_quotes(answer, draft):
    found = []
    quote = find_quote(answer)
    if quote and not quote_in(quote, draft):
        found.append(quote)
    return found


# %% 04.2 wrong first-only: returns inside the loop
# ANSWER 04.2
def invented_quotes(answer, draft):
    for line in answer.splitlines():
        if line.startswith('Quote: "') and line.endswith('"'):
            quote = line[8:-1]
            if not quote_in(quote, draft):
                return [quote]
    return []


# %% 04.2 wrong found-ones: keeps the quotes that stand in the draft
# ANSWER 04.2
def invented_quotes(answer, draft):
    found = []
    for line in answer.splitlines():
        if line.startswith('Quote: "') and line.endswith('"'):
            quote = line[8:-1]
            if quote_in(quote, draft):
                found.append(quote)
    return found


# %% 04.2 wrong exact-match: compares letter by letter
# ANSWER 04.2
def invented_quotes(answer, draft):
    found = []
    for line in answer.splitlines():
        if line.startswith('Quote: "') and line.endswith('"'):
            quote = line[8:-1]
            if quote not in draft:
                found.append(quote)
    return found


# %% 04.2 wrong with-marks: the quote marks stay
# ANSWER 04.2
def invented_quotes(answer, draft):
    found = []
    for line in answer.splitlines():
        if line.startswith('Quote: "') and line.endswith('"'):
            quote = line[7:]
            if not quote_in(quote, draft):
                found.append(quote)
    return found


# %% 04.2 wrong -: stops at the first quote mark inside a quote
# ANSWER 04.2
import re


def invented_quotes(answer, draft):
    return [q for q in re.findall(r'^Quote: "([^"]*)"', answer, re.MULTILINE) if not quote_in(q, draft)]


# %% 04.2 wrong -: sorted and without doubles
# ANSWER 04.2
import re


def invented_quotes(answer, draft):
    quotes = set(re.findall(r'^Quote: "(.*)"$', answer, re.MULTILINE))
    return sorted(q for q in quotes if not quote_in(q, draft))


# %% 04.3 right: one list, joined
# ANSWER 04.3
def chat_question(principle, chat, reply):
    names = {"user": "user asked", "assistant": "assistant answered"}
    turns = [f"The {names[t['role']]}:\n{fence(t['role'], t['text'])}" for t in chat]
    return "\n\n".join(
        ["Principle: " + principle["text"], *turns, "The reply to judge:\n" + fence("draft", reply), CRITIC_TASK]
    )


# %% 04.3 right: the text grows part by part
# ANSWER 04.3
def chat_question(principle, chat, reply):
    question = "Principle: " + principle["text"] + "\n\n"
    for turn in chat:
        if turn["role"] == "user":
            question += "The user asked:\n"
        else:
            question += "The assistant answered:\n"
        question += fence(turn["role"], turn["text"]) + "\n\n"
    question += "The reply to judge:\n" + fence("draft", reply) + "\n\n"
    return question + CRITIC_TASK


# %% 04.3 wrong no-fence: turns as plain text
# ANSWER 04.3
LABELS = {"user": "The user asked:", "assistant": "The assistant answered:"}


def chat_question(principle, chat, reply):
    parts = [f"Principle: {principle['text']}"]
    for turn in chat:
        parts.append(LABELS[turn["role"]] + "\n" + turn["text"])
    parts.append("The reply to judge:\n" + fence("draft", reply))
    parts.append(CRITIC_TASK)
    return "\n\n".join(parts)


# %% 04.3 wrong no-fence: tags of its own, which anybody can close
# ANSWER 04.3
LABELS = {"user": "The user asked:", "assistant": "The assistant answered:"}


def chat_question(principle, chat, reply):
    parts = [f"Principle: {principle['text']}"]
    for turn in chat:
        role = turn["role"]
        parts.append(f"{LABELS[role]}\n<{role}>\n{turn['text']}\n</{role}>")
    parts.append(f"The reply to judge:\n<draft>\n{reply}\n</draft>")
    parts.append(CRITIC_TASK)
    return "\n\n".join(parts)


# %% 04.3 wrong one-fence: the whole chat in one fence
# ANSWER 04.3
def chat_question(principle, chat, reply):
    talk = "\n".join(f"{turn['role']}: {turn['text']}" for turn in chat)
    parts = [f"Principle: {principle['text']}", "The user asked:\n" + fence("user", talk)]
    parts.append("The reply to judge:\n" + fence("draft", reply))
    parts.append(CRITIC_TASK)
    return "\n\n".join(parts)


# %% 04.3 wrong task-first: the task stands behind the principle
# ANSWER 04.3
LABELS = {"user": "The user asked:", "assistant": "The assistant answered:"}


def chat_question(principle, chat, reply):
    parts = [f"Principle: {principle['text']}", CRITIC_TASK]
    for turn in chat:
        parts.append(LABELS[turn["role"]] + "\n" + fence(turn["role"], turn["text"]))
    parts.append("The reply to judge:\n" + fence("draft", reply))
    return "\n\n".join(parts)


# %% 04.3 wrong user-only: leaves the assistant's turns out
# ANSWER 04.3
def chat_question(principle, chat, reply):
    parts = [f"Principle: {principle['text']}"]
    for turn in chat:
        if turn["role"] == "user":
            parts.append("The user asked:\n" + fence("user", turn["text"]))
    parts.append("The reply to judge:\n" + fence("draft", reply))
    parts.append(CRITIC_TASK)
    return "\n\n".join(parts)


# %% 04.3 wrong -: every turn is said to be the user's
# ANSWER 04.3
def chat_question(principle, chat, reply):
    parts = [f"Principle: {principle['text']}"]
    for turn in chat:
        parts.append("The user asked:\n" + fence("user", turn["text"]))
    parts.append("The reply to judge:\n" + fence("draft", reply))
    parts.append(CRITIC_TASK)
    return "\n\n".join(parts)


# %% 04.3 wrong -: the reply has no fence
# ANSWER 04.3
LABELS = {"user": "The user asked:", "assistant": "The assistant answered:"}


def chat_question(principle, chat, reply):
    parts = [f"Principle: {principle['text']}"]
    for turn in chat:
        parts.append(LABELS[turn["role"]] + "\n" + fence(turn["role"], turn["text"]))
    parts.append("The reply to judge:\n" + reply)
    parts.append(CRITIC_TASK)
    return "\n\n".join(parts)


# %% 04.4 right: a for loop with early returns
# ANSWER 04.4
def judge(question, ask, tries=3):
    for number in range(1, tries + 1):
        try:
            answer = ask(question)
        except LLMError as error:
            if error.status != 200:
                return {"verdict": "UNCLEAR", "violated": True, "asked": number}
            answer = ""
        verdict = parse_verdict(answer)
        if verdict != "UNCLEAR":
            return {"verdict": verdict, "violated": verdict == "VIOLATED", "asked": number}
        question = question if question.endswith(REMINDER) else question + REMINDER
    return {"verdict": "UNCLEAR", "violated": True, "asked": tries}


# %% 04.4 right: a helper that asks once
# ANSWER 04.4
def once(ask, text):
    """The verdict of one question, and whether another one is worth it."""
    try:
        verdict = parse_verdict(ask(text))
    except LLMError as error:
        return "UNCLEAR", error.status == 200
    return verdict, verdict == "UNCLEAR"


def judge(question, ask, tries=3):
    verdict, again = once(ask, question)
    asked = 1
    while again and asked < tries:
        verdict, again = once(ask, question + REMINDER)
        asked = asked + 1
    return dict(verdict=verdict, violated=verdict in ("VIOLATED", "UNCLEAR"), asked=asked)


# %% 04.4 wrong unclear-passes: only VIOLATED counts as violated
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked < tries:
        asked += 1
        try:
            verdict = parse_verdict(ask(question if asked == 1 else question + REMINDER))
        except LLMError as error:
            if error.status != 200:
                break
    return {"verdict": verdict, "violated": verdict == "VIOLATED", "asked": asked}


# %% 04.4 wrong no-reminder: the same question again
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked < tries:
        asked += 1
        try:
            verdict = parse_verdict(ask(question))
        except LLMError as error:
            if error.status != 200:
                break
    return {"verdict": verdict, "violated": verdict != "NOT VIOLATED", "asked": asked}


# %% 04.4 wrong reminders-pile-up: each question is longer than the last
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked < tries:
        asked += 1
        try:
            verdict = parse_verdict(ask(question))
        except LLMError as error:
            if error.status != 200:
                break
        question += REMINDER
    return {"verdict": verdict, "violated": verdict != "NOT VIOLATED", "asked": asked}


# %% 04.4 wrong asks-into-the-void: every error is asked again
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked < tries:
        asked += 1
        try:
            verdict = parse_verdict(ask(question if asked == 1 else question + REMINDER))
        except LLMError:
            pass
    return {"verdict": verdict, "violated": verdict != "NOT VIOLATED", "asked": asked}


# %% 04.4 wrong refusal-ends-it: every error ends the asking
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked < tries:
        asked += 1
        try:
            verdict = parse_verdict(ask(question if asked == 1 else question + REMINDER))
        except LLMError:
            break
    return {"verdict": verdict, "violated": verdict != "NOT VIOLATED", "asked": asked}


# %% 04.4 wrong error-escapes: no try
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked < tries:
        asked += 1
        verdict = parse_verdict(ask(question if asked == 1 else question + REMINDER))
    return {"verdict": verdict, "violated": verdict != "NOT VIOLATED", "asked": asked}


# %% 04.4 wrong -: one question too many
# ANSWER 04.4
def judge(question, ask, tries=3):
    verdict, asked = "UNCLEAR", 0
    while verdict == "UNCLEAR" and asked <= tries:
        asked += 1
        try:
            verdict = parse_verdict(ask(question if asked == 1 else question + REMINDER))
        except LLMError as error:
            if error.status != 200:
                break
    return {"verdict": verdict, "violated": verdict != "NOT VIOLATED", "asked": asked}
