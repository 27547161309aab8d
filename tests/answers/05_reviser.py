# Answers to the exercises of 05_reviser: right ones in other styles than the solution, and plausible wrong ones.
# A wrong one is headed by the name of its mistake, or by - where no mistake is named.

# %% 05.1 right: one list comprehension
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    return [s for s in sentences(draft) if s not in sentences(revision) and not any(quote_in(q, s) for q in quotes)]


# %% 05.1 right: loops with continue, and a helper
# ANSWER 05.1
def is_quoted(sentence, quotes):
    for quote in quotes:
        if quote_in(quote, sentence):
            return True
    return False


def lost_sentences(draft, quotes, revision):
    lost = []
    after = set(sentences(revision))
    for sentence in sentences(draft):
        if sentence in after:
            continue
        if is_quoted(sentence, quotes):
            continue
        lost = lost + [sentence]
    return lost


# %% 05.1 wrong quoted-counted: whatever is gone
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    return [s for s in sentences(draft) if s not in sentences(revision)]


# %% 05.1 wrong kept-ones: what is still there
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    lost = []
    for sentence in sentences(draft):
        quoted = any(quote_in(quote, sentence) for quote in quotes)
        if not quoted and sentence in sentences(revision):
            lost.append(sentence)
    return lost


# %% 05.1 wrong exact-quote: compares the quotes letter by letter
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    lost = []
    for sentence in sentences(draft):
        quoted = any(quote in sentence for quote in quotes)
        if not quoted and sentence not in sentences(revision):
            lost.append(sentence)
    return lost


# %% 05.1 wrong part-of-sentence: looks for the sentence in the text
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    lost = []
    for sentence in sentences(draft):
        quoted = any(quote_in(quote, sentence) for quote in quotes)
        if not quoted and sentence not in revision:
            lost.append(sentence)
    return lost


# %% 05.1 wrong -: only the first quote counts
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    lost = []
    for sentence in sentences(draft):
        quoted = bool(quotes) and quote_in(quotes[0], sentence)
        if not quoted and sentence not in sentences(revision):
            lost.append(sentence)
    return lost


# %% 05.1 wrong -: sets lose the order
# ANSWER 05.1
def lost_sentences(draft, quotes, revision):
    gone = set(sentences(draft)) - set(sentences(revision))
    return sorted(s for s in gone if not any(quote_in(q, s) for q in quotes))


# %% 05.2 right: a helper makes the lines of a group
# ANSWER 05.2
def line_of(c):
    words = "\n" + indent(c["critique"]) if c["verdict"] == "VIOLATED" else ""
    return f"- {c['principle_text']}{words}"


def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict in HEADINGS:
        group = [line_of(c) for c in critiques if c["verdict"] == verdict]
        if group:
            parts.append(HEADINGS[verdict] + "\n" + fence("principles", "\n".join(group)))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 right: three groups by hand
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    groups = {"VIOLATED": "", "UNCLEAR": "", "NOT VIOLATED": ""}
    for c in critiques:
        groups[c["verdict"]] += "- " + c["principle_text"] + "\n"
        if c["violated"] and c["verdict"] != "UNCLEAR":
            groups[c["verdict"]] += indent(c["critique"]) + "\n"
    message = "The user asked:\n" + fence("prompt", prompt) + "\n\n"
    message += "The reply to rewrite:\n" + fence("draft", draft) + "\n\n"
    for verdict, text in groups.items():
        if text != "":
            message += HEADINGS[verdict] + "\n" + fence("principles", text[:-1]) + "\n\n"
    return message + "Rewrite the reply so that it breaks none of them."


# %% 05.2 wrong unclear-as-broken: whatever counts as violated gets the critic's words
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict, heading in HEADINGS.items():
        lines = []
        for c in critiques:
            if c["verdict"] == verdict:
                lines.append("- " + c["principle_text"])
                if c["violated"]:
                    lines.append(indent(c["critique"]))
        if lines:
            parts.append(heading + "\n" + fence("principles", "\n".join(lines)))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 wrong kept-with-words: every critique comes with its words
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict, heading in HEADINGS.items():
        lines = []
        for c in critiques:
            if c["verdict"] == verdict:
                lines.append("- " + c["principle_text"])
                if verdict != "UNCLEAR":
                    lines.append(indent(c["critique"]))
        if lines:
            parts.append(heading + "\n" + fence("principles", "\n".join(lines)))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 wrong kept-missing: only what is violated is told
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict, heading in HEADINGS.items():
        lines = []
        for c in critiques:
            if c["violated"] and c["verdict"] == verdict:
                lines.append("- " + c["principle_text"])
                if verdict == "VIOLATED":
                    lines.append(indent(c["critique"]))
        if lines:
            parts.append(heading + "\n" + fence("principles", "\n".join(lines)))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 wrong empty-part: a heading without a principle
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict, heading in HEADINGS.items():
        lines = []
        for c in critiques:
            if c["verdict"] == verdict:
                lines.append("- " + c["principle_text"])
                if verdict == "VIOLATED":
                    lines.append(indent(c["critique"]))
        parts.append(heading + "\n" + fence("principles", "\n".join(lines)))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 wrong words-not-set-in: the critic's words at the left edge
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict, heading in HEADINGS.items():
        lines = []
        for c in critiques:
            if c["verdict"] == verdict:
                lines.append("- " + c["principle_text"])
                if verdict == "VIOLATED":
                    lines.append(c["critique"])
        if lines:
            parts.append(heading + "\n" + fence("principles", "\n".join(lines)))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 wrong -: a fence for each principle
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for c in critiques:
        line = "- " + c["principle_text"]
        if c["verdict"] == "VIOLATED":
            line += "\n" + indent(c["critique"])
        parts.append(HEADINGS[c["verdict"]] + "\n" + fence("principles", line))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.2 wrong -: the principles stand outside the fence
# ANSWER 05.2
def repair_message(draft, critiques, prompt):
    parts = ["The user asked:\n" + fence("prompt", prompt)]
    parts.append("The reply to rewrite:\n" + fence("draft", draft))
    for verdict, heading in HEADINGS.items():
        lines = [heading]
        for c in critiques:
            if c["verdict"] == verdict:
                lines.append("- " + c["principle_text"])
                if verdict == "VIOLATED":
                    lines.append(indent(c["critique"]))
        if len(lines) > 1:
            parts.append("\n".join(lines))
    parts.append("Rewrite the reply so that it breaks none of them.")
    return "\n\n".join(parts)


# %% 05.3 right: a while loop
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    quotes = [c["quote"] for c in critiques if c["violated"]]
    if quotes == []:
        return draft
    while tries > 0:
        tries -= 1
        text = revise(draft, critiques, prompt)
        if talks_about_critique(text):
            continue
        if any(quote_in(quote, text) for quote in quotes):
            continue
        return text


# %% 05.3 right: a helper says whether a revision is fine
# ANSWER 05.3
import cai_helpers


def is_fine(revision, critiques):
    for c in critiques:
        if c["violated"] and quote_in(c["quote"], revision):
            return False
    return not talks_about_critique(revision)


def careful_revise(draft, critiques, prompt, tries=2):
    if not any(c["violated"] for c in critiques):
        return draft
    tried = 0
    accepted = None
    while accepted is None and tried < tries:
        tried += 1
        revision = cai_helpers.revise(draft, critiques, prompt)
        if is_fine(revision, critiques):
            accepted = revision
    return accepted


# %% 05.3 wrong draft-instead: the draft where nothing was accepted
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    if not broken:
        return draft
    for _ in range(tries):
        revision = revise(draft, critiques, prompt)
        old_words = any(quote_in(c["quote"], revision) for c in broken)
        if not old_words and not talks_about_critique(revision):
            return revision
    return draft


# %% 05.3 wrong last-try: the last revision, whatever it holds
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    if not broken:
        return draft
    for _ in range(tries):
        revision = revise(draft, critiques, prompt)
        old_words = any(quote_in(c["quote"], revision) for c in broken)
        if not old_words and not talks_about_critique(revision):
            break
    return revision


# %% 05.3 wrong talk-passes: only the quotes are looked for
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    if not broken:
        return draft
    for _ in range(tries):
        revision = revise(draft, critiques, prompt)
        if not any(quote_in(c["quote"], revision) for c in broken):
            return revision
    return None


# %% 05.3 wrong clean-draft-paid: a clean draft is tested too
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    for _ in range(tries):
        revision = revise(draft, critiques, prompt)
        old_words = any(quote_in(c["quote"], revision) for c in broken)
        if not old_words and not talks_about_critique(revision):
            return revision
    return None


# %% 05.3 wrong all-quotes: the quotes of kept principles count too
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    if not any(c["violated"] for c in critiques):
        return draft
    for _ in range(tries):
        revision = revise(draft, critiques, prompt)
        old_words = any(quote_in(c["quote"], revision) for c in critiques)
        if not old_words and not talks_about_critique(revision):
            return revision
    return None


# %% 05.3 wrong last-try: either test is enough
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    if not broken:
        return draft
    for _ in range(tries):
        revision = revise(draft, critiques, prompt)
        old_words = any(quote_in(c["quote"], revision) for c in broken)
        if not old_words or not talks_about_critique(revision):
            return revision
    return None


# %% 05.3 wrong -: repairs its own first try
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    if not broken:
        return draft
    text = draft
    for _ in range(tries):
        text = revise(text, critiques, prompt)
        if not any(quote_in(c["quote"], text) for c in broken) and not talks_about_critique(text):
            return text
    return None


# %% 05.3 wrong -: only two tries, whatever is asked
# ANSWER 05.3
def careful_revise(draft, critiques, prompt, tries=2):
    broken = [c for c in critiques if c["violated"]]
    if not broken:
        return draft
    for _ in range(2):
        revision = revise(draft, critiques, prompt)
        old_words = any(quote_in(c["quote"], revision) for c in broken)
        if not old_words and not talks_about_critique(revision):
            return revision
    return None
