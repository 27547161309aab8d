"""Answers to the exercises of chapter 11, each with the verdict that both graders must give."""
# ruff: noqa

# %% 11.1 right: a copy, then pop
# ANSWER 11.1
import copy


def to_chat(payload):
    chat = copy.deepcopy(payload)
    system = chat.pop("system", "")
    if system:
        chat["messages"].insert(0, {"role": "system", "content": system})
    if "stop_sequences" in chat:
        chat["stop"] = chat.pop("stop_sequences")
    return chat


# %% 11.1 right: two expressions, with a print
# ANSWER 11.1
def to_chat(payload):
    names = {"stop_sequences": "stop"}
    first = [{"role": "system", "content": payload["system"]}] if payload.get("system") else []
    print(len(first), "system messages")
    return {
        **{names.get(k, k): v for k, v in payload.items() if k not in ("system", "messages")},
        "messages": first + payload["messages"],
    }


# %% 11.1 wrong payload-changed: insert into the caller's list
# ANSWER 11.1
def to_chat(payload):
    chat = {}
    for name, value in payload.items():
        if name != "system":
            chat["stop" if name == "stop_sequences" else name] = value
    if payload.get("system"):
        chat["messages"].insert(0, {"role": "system", "content": payload["system"]})
    return chat


# %% 11.1 wrong payload-changed: pop from the caller's dict
# ANSWER 11.1
def to_chat(payload):
    system = payload.pop("system", "")
    chat = {("stop" if name == "stop_sequences" else name): value for name, value in payload.items()}
    if system:
        chat["messages"] = [{"role": "system", "content": system}, *payload["messages"]]
    return chat


# %% 11.1 wrong system-stays: the field is copied too
# ANSWER 11.1
def to_chat(payload):
    chat = {("stop" if name == "stop_sequences" else name): value for name, value in payload.items()}
    if payload.get("system"):
        chat["messages"] = [{"role": "system", "content": payload["system"]}, *payload["messages"]]
    return chat


# %% 11.1 wrong system-lost: only names are changed
# ANSWER 11.1
def to_chat(payload):
    names = {"stop_sequences": "stop"}
    return {names.get(name, name): value for name, value in payload.items() if name != "system"}


# %% 11.1 wrong system-not-first: append
# ANSWER 11.1
def to_chat(payload):
    chat = {
        ("stop" if name == "stop_sequences" else name): value for name, value in payload.items() if name != "system"
    }
    if payload.get("system"):
        chat["messages"] = payload["messages"] + [{"role": "system", "content": payload["system"]}]
    return chat


# %% 11.1 wrong in-the-users-message: one text out of two
# ANSWER 11.1
def to_chat(payload):
    chat = {
        ("stop" if name == "stop_sequences" else name): value for name, value in payload.items() if name != "system"
    }
    if payload.get("system"):
        first, *rest = payload["messages"]
        chat["messages"] = [{**first, "content": payload["system"] + "\n" + first["content"]}, *rest]
    return chat


# %% 11.1 wrong empty-system-sent: always a system message
# ANSWER 11.1
def to_chat(payload):
    chat = {
        ("stop" if name == "stop_sequences" else name): value for name, value in payload.items() if name != "system"
    }
    chat["messages"] = [{"role": "system", "content": payload.get("system")}, *payload["messages"]]
    return chat


# %% 11.1 wrong zero-lost: fields that are true
# ANSWER 11.1
def to_chat(payload):
    chat = {}
    for name in ("model", "max_tokens", "temperature", "top_p", "stream"):
        if payload.get(name):
            chat[name] = payload[name]
    if payload.get("stop_sequences"):
        chat["stop"] = payload["stop_sequences"]
    system = [{"role": "system", "content": payload["system"]}] if payload.get("system") else []
    chat["messages"] = system + payload["messages"]
    return chat


# %% 11.1 wrong turns-lost: build_chat with the last message
# ANSWER 11.1
def to_chat(payload):
    chat = build_chat(
        payload["model"],
        payload.get("system", ""),
        payload["messages"][-1]["content"] if payload["messages"] else "",
        payload.get("temperature"),
        payload.get("max_tokens", 4096),
    )
    if "stop_sequences" in payload:
        chat["stop"] = payload["stop_sequences"]
    return chat


# %% 11.1 wrong stop-not-renamed: the name is kept
# ANSWER 11.1
def to_chat(payload):
    chat = {name: value for name, value in payload.items() if name != "system"}
    if payload.get("system"):
        chat["messages"] = [{"role": "system", "content": payload["system"]}, *payload["messages"]]
    return chat


# %% 11.1 wrong -: fields that build_payload does not know are lost
# ANSWER 11.1
def to_chat(payload):
    chat = {name: payload[name] for name in ("model", "max_tokens", "temperature") if name in payload}
    if "stop_sequences" in payload:
        chat["stop"] = payload["stop_sequences"]
    system = [{"role": "system", "content": payload["system"]}] if payload.get("system") else []
    return {**chat, "messages": system + payload["messages"]}


# %% 11.2 right: calls itself
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    try:
        return ask(payload), []
    except LLMError as error:
        name = error.param
        if error.status != 400 or not (error.code or "").startswith("unsupported_"):
            raise
        if name not in remedies or name not in payload:
            raise
    smaller = {field: value for field, value in payload.items() if field != name}
    if remedies[name]:
        smaller[remedies[name]] = payload[name]
    answer, refused = ask_as_taken(ask, smaller, remedies)
    return answer, [name] + refused


# %% 11.2 right: a loop over the number of remedies
# ANSWER 11.2
def is_refusal(error, body, remedies):
    known = error.param in remedies and error.param in body
    return known and error.status == 400 and error.code is not None and error.code[:12] == "unsupported_"


def ask_as_taken(ask, payload, remedies):
    body, refused = {**payload}, []
    for _ in range(len(remedies) + 1):
        try:
            answer = ask(body)
        except LLMError as error:
            if not is_refusal(error, body, remedies):
                raise error
            print("refused:", error.param)
            refused.append(error.param)
            other = remedies[error.param]
            body = {(other if k == error.param else k): v for k, v in body.items() if k != error.param or other}
        else:
            return (answer, refused)


# %% 11.2 wrong only-once: a second try and no loop
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    try:
        return ask(payload), []
    except LLMError as error:
        name = error.param
        if (
            error.status != 400
            or not str(error.code).startswith("unsupported_")
            or name not in remedies
            or name not in payload
        ):
            raise
    body = {field: value for field, value in payload.items() if field != name}
    if remedies[name]:
        body[remedies[name]] = payload[name]
    return ask(body), [name]


# %% 11.2 wrong wrong-value-healed: the status alone
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body, refused = dict(payload), []
    while True:
        try:
            return ask(body), refused
        except LLMError as error:
            name = error.param
            if error.status != 400 or name not in remedies or name not in body:
                raise
            value = body.pop(name)
            if remedies[name]:
                body[remedies[name]] = value
            refused.append(name)


# %% 11.2 wrong errors-swallowed: break in place of raise
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body, refused = dict(payload), []
    while True:
        try:
            return ask(body), refused
        except LLMError as error:
            name = error.param
            if (
                error.status != 400
                or not str(error.code).startswith("unsupported_")
                or name not in remedies
                or name not in body
            ):
                break
            value = body.pop(name)
            if remedies[name]:
                body[remedies[name]] = value
            refused.append(name)
    return None, refused


# %% 11.2 wrong asks-for-ever: pop with a default
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body, refused = dict(payload), []
    while True:
        try:
            return ask(body), refused
        except LLMError as error:
            name = error.param
            if error.status != 400 or not str(error.code).startswith("unsupported_") or name not in remedies:
                raise
            value = body.pop(name, None)
            if remedies[name]:
                body[remedies[name]] = value
            refused.append(name)


# %% 11.2 wrong payload-changed: no copy
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    refused = []
    while True:
        try:
            return ask(payload), refused
        except LLMError as error:
            name = error.param
            if (
                error.status != 400
                or not str(error.code).startswith("unsupported_")
                or name not in remedies
                or name not in payload
            ):
                raise
            value = payload.pop(name)
            if remedies[name]:
                payload[remedies[name]] = value
            refused.append(name)


# %% 11.2 wrong left-out-not-renamed: every remedy is to leave out
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body, refused = dict(payload), []
    while True:
        try:
            return ask(body), refused
        except LLMError as error:
            name = error.param
            if (
                error.status != 400
                or not str(error.code).startswith("unsupported_")
                or name not in remedies
                or name not in body
            ):
                raise
            del body[name]
            refused.append(name)


# %% 11.2 wrong too-much-left-out: all at once
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    try:
        return ask(dict(payload)), []
    except LLMError as error:
        name = error.param
        if (
            error.status != 400
            or not str(error.code).startswith("unsupported_")
            or name not in remedies
            or name not in payload
        ):
            raise
    body = {field: value for field, value in payload.items() if field not in remedies}
    for old, new in remedies.items():
        if new and old in payload:
            body[new] = payload[old]
    return ask(body), [name]


# %% 11.2 wrong nothing-said: no list is kept
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body = dict(payload)
    while True:
        try:
            return ask(body), []
        except LLMError as error:
            name = error.param
            if (
                error.status != 400
                or not str(error.code).startswith("unsupported_")
                or name not in remedies
                or name not in body
            ):
                raise
            value = body.pop(name)
            if remedies[name]:
                body[remedies[name]] = value


# %% 11.2 wrong -: the new name is named
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body, refused = dict(payload), []
    while True:
        try:
            return ask(body), refused
        except LLMError as error:
            name = error.param
            if (
                error.status != 400
                or not str(error.code).startswith("unsupported_")
                or name not in remedies
                or name not in body
            ):
                raise
            value = body.pop(name)
            if remedies[name]:
                body[remedies[name]] = value
            refused.append(remedies[name] or name)


# %% 11.2 wrong -: any status counts
# ANSWER 11.2
def ask_as_taken(ask, payload, remedies):
    body, refused = dict(payload), []
    while True:
        try:
            return ask(body), refused
        except LLMError as error:
            name = error.param
            if not str(error.code).startswith("unsupported_") or name not in remedies or name not in body:
                raise
            value = body.pop(name)
            if remedies[name]:
                body[remedies[name]] = value
            refused.append(name)


# %% 11.3 right: step by step
# ANSWER 11.3
def line_to_keep(exchange, key):
    status = exchange["status"]
    if status < 200 or status >= 300:
        return ""
    headers = {}
    for name in exchange["headers"]:
        if name.lower() in KEPT_HEADERS:
            headers[name.lower()] = exchange["headers"][name]
    row = {"status": status, "headers": headers, "question": exchange["question"], "pieces": exchange["pieces"]}
    text = json.dumps(row, ensure_ascii=False)
    print("a line of", len(text), "characters")
    if key != "":
        if text.find(key) >= 0:
            raise LLMError(ADVICE["key_in_recording"], type="key_in_recording", attempts=0)
        if "".join(row["pieces"]).find(key) >= 0:
            raise LLMError(ADVICE["key_in_recording"], type="key_in_recording", attempts=0)
    return text + "\n"


# %% 11.3 right: a helper that looks for the key
# ANSWER 11.3
def holds(key, *texts):
    return bool(key) and any(key in text for text in texts)


def line_to_keep(exchange, key):
    if exchange["status"] // 100 != 2:
        return ""
    lower = {name.lower(): value for name, value in exchange["headers"].items()}
    kept = {"question": exchange["question"], "status": exchange["status"], "pieces": list(exchange["pieces"])}
    kept["headers"] = {name: lower[name] for name in KEPT_HEADERS if name in lower}
    line = f"{json.dumps(kept, sort_keys=True)}\n"
    if holds(key, line, "".join(kept["pieces"])):
        raise LLMError("The key is in this exchange: it is not recorded.", type="key_in_recording")
    return line


# %% 11.3 wrong list-of-what-must-go: the header with the key is taken out
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    secret = ("x-api-key", "authorization")
    headers = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() not in secret}
    line = json.dumps({**exchange, "headers": headers}) + "\n"
    if key and (key in line or key in "".join(exchange["pieces"])):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return line


# %% 11.3 wrong list-of-what-must-go: the fields are right, the headers are not
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if not key or key not in v}
    line = json.dumps(kept) + "\n"
    if key and (key in line or key in "".join(exchange["pieces"])):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return line


# %% 11.3 wrong dropped-header-counts: the whole exchange is searched
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    if key and (key in json.dumps(exchange) or key in "".join(exchange["pieces"])):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    return json.dumps(kept) + "\n"


# %% 11.3 wrong no-key-refuses-all: an empty text is in every text
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    line = json.dumps(kept) + "\n"
    if key in line or key in "".join(exchange["pieces"]):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return line


# %% 11.3 wrong key-replaced: blacked out
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    line = json.dumps(kept) + "\n"
    return line.replace(key, "[hidden]") if key else line


# %% 11.3 wrong key-written: an allow-list alone
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    return json.dumps(kept) + "\n"


# %% 11.3 wrong pieces-not-joined: only the line is searched
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    line = json.dumps(kept) + "\n"
    if key and key in line:
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return line


# %% 11.3 wrong error-shows-key: named in the message
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    line = json.dumps(kept) + "\n"
    if key and (key in line or key in "".join(exchange["pieces"])):
        raise LLMError(f"Found {key} in the exchange.", type="key_in_recording")
    return line


# %% 11.3 wrong errors-recorded: whatever came
# ANSWER 11.3
def line_to_keep(exchange, key):
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    line = json.dumps(kept) + "\n"
    if key and (key in line or key in "".join(exchange["pieces"])):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return line


# %% 11.3 wrong -: headers in lower case only
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {name: exchange["headers"][name] for name in KEPT_HEADERS if name in exchange["headers"]}
    line = json.dumps(kept) + "\n"
    if key and (key in line or key in "".join(exchange["pieces"])):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return line


# %% 11.3 wrong -: only the answer is searched
# ANSWER 11.3
def line_to_keep(exchange, key):
    if not 200 <= exchange["status"] < 300:
        return ""
    kept = {name: exchange[name] for name in ("question", "status", "pieces")}
    kept["headers"] = {n.lower(): v for n, v in exchange["headers"].items() if n.lower() in KEPT_HEADERS}
    if key and (key in str(kept["question"]) or key in "".join(kept["pieces"])):
        raise LLMError(ADVICE["key_in_recording"], type="key_in_recording")
    return json.dumps(kept) + "\n"


# %% 11.4 right: a helper and a plain loop
# ANSWER 11.4
def places(rows):
    found = {}
    for one in rows:
        body = {n: v for n, v in one["question"]["body"].items() if n != "model"}
        place = (key_of({**one["question"], "body": body}), one["occurrence"])
        found[place] = one["text"]
    return found


def verdict_changes(before, after):
    old, new = places(before), places(after)
    same = laxer = stricter = alone = 0
    for place in set(old) | set(new):
        if place not in old or place not in new:
            alone += 1
            continue
        was = parse_verdict(old[place]) == "NOT VIOLATED"
        now = parse_verdict(new[place]) == "NOT VIOLATED"
        if was == now:
            same += 1
        elif now:
            laxer += 1
        else:
            stricter += 1
    print(same + laxer + stricter, "compared")
    return {"same": same, "laxer": laxer, "stricter": stricter, "in one only": alone}


# %% 11.4 right: a search through the other list
# ANSWER 11.4
import copy


def place_of(row):
    question = copy.deepcopy(row["question"])
    question["body"].pop("model")
    return key_of(question) + " " + str(row["occurrence"])


def verdict_changes(before, after):
    counts = dict.fromkeys(("same", "laxer", "stricter", "in one only"), 0)
    for one in before:
        partners = [other for other in after if place_of(other) == place_of(one)]
        if not partners:
            counts["in one only"] += 1
            continue
        step = (parse_verdict(partners[0]["text"]) == "NOT VIOLATED") - (parse_verdict(one["text"]) == "NOT VIOLATED")
        counts[{0: "same", 1: "laxer", -1: "stricter"}[step]] += 1
    known = {place_of(one) for one in before}
    counts["in one only"] += sum(place_of(other) not in known for other in after)
    return counts


# %% 11.4 wrong model-in-the-key: the question as it is
# ANSWER 11.4
def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = (
        {(key_of(r["question"]), r["occurrence"]): parse_verdict(r["text"]) == "NOT VIOLATED" for r in rows}
        for rows in (before, after)
    )
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong by-position: zip
# ANSWER 11.4
def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": abs(len(before) - len(after))}
    for one, other in zip(before, after):
        was, now = (parse_verdict(r["text"]) == "NOT VIOLATED" for r in (one, other))
        counts["same" if was == now else "laxer" if now else "stricter"] += 1
    return counts


# %% 11.4 wrong occurrence-forgotten: the question alone
# ANSWER 11.4
def passes(rows):
    return {
        key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}): parse_verdict(r["text"])
        == "NOT VIOLATED"
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong found-in-the-text: a word in the text
# ANSWER 11.4
def passes(rows):
    return {
        (key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}), r["occurrence"]): "VIOLATED"
        not in r["text"]
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong unclear-passes: all but VIOLATED passes
# ANSWER 11.4
def passes(rows):
    return {
        (key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}), r["occurrence"]): parse_verdict(
            r["text"]
        )
        != "VIOLATED"
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong verdicts-compared: three verdicts, not two
# ANSWER 11.4
def verdicts(rows):
    return {
        (key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}), r["occurrence"]): parse_verdict(
            r["text"]
        )
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = verdicts(before), verdicts(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] == "NOT VIOLATED" else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong other-way-round: laxer and stricter swapped
# ANSWER 11.4
def passes(rows):
    return {
        (key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}), r["occurrence"]): parse_verdict(
            r["text"]
        )
        == "NOT VIOLATED"
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if old[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong only-gone: minus in place of both ways
# ANSWER 11.4
def passes(rows):
    return {
        (key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}), r["occurrence"]): parse_verdict(
            r["text"]
        )
        == "NOT VIOLATED"
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() - new.keys())
    return counts


# %% 11.4 wrong words-compared: the texts
# ANSWER 11.4
def texts(rows):
    return {
        (key_of({**r["question"], "body": {**r["question"]["body"], "model": ""}}), r["occurrence"]): r["text"]
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = texts(before), texts(after)
    for place in old.keys() & new.keys():
        now = parse_verdict(new[place]) == "NOT VIOLATED"
        counts["same" if old[place] == new[place] else "laxer" if now else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong -: the user's text is the key
# ANSWER 11.4
def passes(rows):
    return {
        (r["question"]["body"]["messages"][0]["content"], r["occurrence"]): parse_verdict(r["text"]) == "NOT VIOLATED"
        for r in rows
    }


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts


# %% 11.4 wrong -: the model is taken out of the caller's rows
# ANSWER 11.4
def passes(rows):
    found = {}
    for r in rows:
        r["question"]["body"]["model"] = ""
        found[key_of(r["question"]), r["occurrence"]] = parse_verdict(r["text"]) == "NOT VIOLATED"
    return found


def verdict_changes(before, after):
    counts = {"same": 0, "laxer": 0, "stricter": 0, "in one only": 0}
    old, new = passes(before), passes(after)
    for place in old.keys() & new.keys():
        counts["same" if old[place] == new[place] else "laxer" if new[place] else "stricter"] += 1
    counts["in one only"] = len(old.keys() ^ new.keys())
    return counts
