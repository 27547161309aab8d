"""Chapter 12, third part: what is wrong with an example, what is exported, and what more of them would cost.

In the order of the lesson: gates that read one example, gates that need the others or a critic, the two formats, the
dataset card, the bill. Formats: https://huggingface.co/docs/trl/dataset_formats, "conversational".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from cai_helpers.constitution import Principle
from cai_helpers.critic import Critique, run_all_critiques
from cai_helpers.pipeline import same_text
from cai_helpers.training_file import Example, final, read_rows, to_line

PAPER_PROMPTS = 182_831  # red-team prompts of phase 1 (3.2)
COLLAPSED = 0.25  # a revision with less than this share of the draft's words
GATES = ("no-op", "talk", "critique", "length", "duplicate", "violation")
HARMLESS = {"no-op"}  # no fault in an answer: the paper's own examples hold such revisions

TALK = (
    r"^\W*(?:sure|certainly|of course|okay|ok|absolutely|here(?:['’]s| is| are)|below is)\b[^.\n]{0,70}"
    r"\b(?:revis|rewrit|rewrote|improved|updated|corrected|edited|new version|version)"
    r"|^\W*(?:revision|revised (?:reply|response|answer|version))\W*:"
    r"|\b(?:the|this|your|my) (?:critique|critic|revision request|principle in question)\b|\bas (?:the )?critiqued?\b"
    r"|\b(?:my|the|your) (?:last|previous|original|earlier|first|initial) (?:response|reply|answer|draft|version)\b"
    r"|\bI(?:['’]ve| have)? (?:revised|rewritten|rewrote|reworded|removed|edited|corrected|toned down|adjusted)\b"
)
CRITIC = (
    r"^\W*(?:critique|verdict|quote)\b\W*:|(?-i:\b(?:NOT )?VIOLATED\b)|^\W*(?:critique request|revision request)"
    r"|^\W*(?:the|this|my|your)(?: \w+['’]s?)? (?:last |previous |original |above )?(?:response|reply|answer|draft)"
    r"\b[^.\n]{0,80}\b(?:violat|break|problematic|goes against|principle|fails to|should(?: not|n['’]t) have|"
    r"encourages|(?:could|might|may) be (?:used|seen|read|considered|taken|harmful)|is (?:very |also )?(?:harmful|"
    r"dangerous|toxic|unethical|inappropriate|illegal|dishonest|biased|misleading|manipulative|offensive|unsafe|racist|sexist))"
)


def found_new(pattern: str, text: str, example: Example) -> bool:
    """Whether a pattern is found in a text with words that neither prompt nor draft had."""
    old = f"{example['prompt']}\n{example['draft']}".lower()
    return any(found[0].lower() not in old for found in re.finditer(pattern, text, re.I | re.M))


def is_critique(example: Example) -> bool:
    """Whether a critique stands where the last revision belongs: the paper's "confused about its point of view"."""
    last = example["steps"][-1]
    same = SequenceMatcher(None, last["critique"].split(), last["revision"].split(), autojunk=False)
    return same.ratio() > 0.8 or found_new(CRITIC, last["revision"], example)


def faults_of(example: Example) -> list[str]:
    """What one example alone shows: "no-op", "talk", "critique", "length". A draft without steps shows nothing."""
    if not example["steps"]:
        return []
    text, words = final(example), len(example["draft"].split())
    found = {
        "no-op": same_text(text, example["draft"]),
        "talk": found_new(TALK, text, example),
        "critique": is_critique(example),
        "length": len(text.split()) < COLLAPSED * words,
    }
    return [name for name, wrong in found.items() if wrong]


Broken = Mapping[int, list[str]]  # {number of an example: ids of the principles that its last text breaks}


def violations_left(
    examples: Iterable[Example],
    constitution: list[Principle],
    critics: Callable[[str, list[Principle], str], list[Critique]] = run_all_critiques,
) -> dict[int, list[str]]:
    """Which last texts break which principles, by a critic that reads all principles: one call for each of them.
    Only examples with something broken are in it. What is UNCLEAR counts as broken."""
    left = {}
    for example in examples:
        verdicts = critics(final(example), constitution, example["prompt"])
        broken = [c["principle_id"] for c in verdicts if c["violated"]]
        if broken:
            left[example["number"]] = broken
    return left


def gated(examples: Iterable[Example], broken: Broken | None = None) -> Iterator[tuple[Example, list[str]]]:
    """Each example with its faults. "duplicate": an earlier example ends in the same words."""
    seen: set[int] = set()
    for example in examples:
        faults, words = faults_of(example), hash(tuple(re.findall(r"\w+", final(example).lower())))
        if words in seen:
            faults.append("duplicate")
        if example["number"] in (broken or {}):
            faults.append("violation")
        seen.add(words)
        yield example, faults


def count_gates(examples: Iterable[Example], broken: Broken | None = None) -> dict[str, int]:
    """{gate: examples with this fault}. Without `broken` nothing is known of violations, so they are left out."""
    found = Counter(fault for _, faults in gated(examples, broken) for fault in faults)
    return {name: found[name] for name in GATES if name != "violation" or broken is not None}


def good(examples: Iterable[Example], broken: Broken | None = None) -> Iterator[Example]:
    """The examples without a fault. A no-op is none: to leave a good draft as it is, is worth learning too."""
    return (example for example, faults in gated(examples, broken) if not set(faults) - HARMLESS)


def message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def sft_rows(examples: Iterable[Example], every_step: bool = False) -> Iterator[dict[str, Any]]:
    """Rows for supervised fine-tuning: {"messages": [user, assistant]}, with the last revision as the answer.

    every_step: a row for each different revision instead (the paper says both: 1.2 and 3.1)."""
    for example in examples:
        texts = [step["revision"] for step in example["steps"]] if every_step else []
        for text in dict.fromkeys(texts or [final(example)]):
            yield {"messages": [message("user", example["prompt"]), message("assistant", text)]}


def preference_rows(examples: Iterable[Example]) -> Iterator[dict[str, Any]]:
    """Rows for preference training: {"prompt", "chosen", "rejected"}, the last revision against the draft.

    Where the two are equal there is nothing to prefer, and no row. The paper's phase 2 compares two samples of one
    policy instead (4.1): lesson 13."""
    for example in examples:
        if not same_text(final(example), example["draft"]):
            yield {
                "prompt": [message("user", example["prompt"])],
                "chosen": [message("assistant", final(example))],
                "rejected": [message("assistant", example["draft"])],
            }


def write_rows(rows: Iterable[Any], path: str | Path) -> int:
    """Write rows as JSON lines, and give their number."""
    number = 0
    with Path(path).open("wb") as file:
        for number, row in enumerate(rows, start=1):  # noqa: B007 - the last one is the answer
            file.write(to_line(row))
    return number


def export(
    source: str | Path, folder: str | Path, constitution: list[Principle], broken: Broken | None = None, **facts: str
) -> dict[str, Any]:
    """Write sft.jsonl, preference.jsonl and README.md (the dataset card) into a folder, from a file of examples.

    facts: name, model, license, language for the card. Gives {"examples", "gates", "sft", "preference"}: counts."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts = {
        "examples": sum(1 for _ in read_rows(source)),
        "gates": count_gates(read_rows(source), broken),
        "sft": write_rows(sft_rows(good(read_rows(source), broken)), folder / "sft.jsonl"),
        "preference": write_rows(preference_rows(good(read_rows(source), broken)), folder / "preference.jsonl"),
    }
    (folder / "README.md").write_text(dataset_card(counts, constitution, **facts), encoding="utf-8")
    return counts


def size_category(rows: int) -> str:
    """The size as the Hugging Face Hub names it."""
    steps = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for limit, name in steps if rows < limit), "n>1M")


CARD = """---
pretty_name: "{name}"
language:
- {language}
license: {license}
task_categories:
- text-generation
tags:
- constitutional-ai
- synthetic
size_categories:
- {size}
configs:
- config_name: sft
  data_files: sft.jsonl
  default: true
- config_name: preference
  data_files: preference.jsonl
---

# {name}

Made by critique and revision, as phase 1 of [Constitutional AI](https://arxiv.org/abs/2212.08073), by {model}. No
person has read or labelled it.

- `sft`: {sft} rows of `messages` (user, assistant): prompt and last revision.
- `preference`: {preference} rows of `prompt`, `chosen` (last revision), `rejected` (draft). **`rejected` holds the
  unrevised drafts**: they may break the principles below.

## Principles

{principles}

## Quality

Of {examples} examples. An example may fail at several gates; one that fails at any but `no-op` is not exported.

| Gate | Examples |
|---|---:|
{gates}

## Limits

The same kind of model drafted, criticised and revised, so what it cannot see, it has not removed. {violations}
"""


def dataset_card(
    counts: Mapping[str, Any],
    constitution: list[Principle],
    name: str = "Critiques and revisions",
    model: str = "a model that was not named",
    license: str = "unknown",
    language: str = "en",
) -> str:
    """A dataset card in Markdown, with the head that the Hugging Face Hub reads. counts: what `export` gives."""
    checked = "violation" in counts["gates"]
    return CARD.format(
        name=" ".join(name.split()).replace('"', "'"),
        language=language,
        license=license,
        model=model,
        size=size_category(counts["sft"]),
        sft=counts["sft"],
        preference=counts["preference"],
        examples=counts["examples"],
        principles="\n".join(f"- `{p['id']}`: {' '.join(p['text'].split())}" for p in constitution),
        gates="\n".join(f"| `{gate}` | {number} |" for gate, number in counts["gates"].items()),
        violations="A critic read each answer." if checked else "**No critic has read the answers.**",
    )


def project(
    counts: Mapping[str, Any],
    prompts: int = PAPER_PROMPTS,
    calls_per_minute: float = 1000,
    price_in: float = 1.0,
    price_out: float = 5.0,
) -> dict[str, float]:
    """What more prompts cost, if they are like those of a run. counts: what `build_dataset` gave for it.

    calls_per_minute: your rate limit. price_in, price_out: per million tokens; take them from your vendor's price
    list. Gives calls, input_tokens, output_tokens, hours, money (in the unit of the prices).
    ValueError where the run has written nothing."""
    if not counts["written"]:
        raise ValueError("This run has written no example. Give the counts of one that has.")
    each = prompts / counts["written"]
    calls, tokens_in, tokens_out = (counts[name] * each for name in ("calls", "input_tokens", "output_tokens"))
    return {
        "calls": round(calls),
        "input_tokens": round(tokens_in),
        "output_tokens": round(tokens_out),
        "hours": calls / calls_per_minute / 60,
        "money": (tokens_in * price_in + tokens_out * price_out) / 1_000_000,
    }
