"""The comparison agrees with nbval's own on random outputs."""

from __future__ import annotations

import copy
import random
from types import SimpleNamespace
from typing import Any

from nbformat import from_dict
from nbval import plugin

from cai_helpers.learning import compare

TEXTS = ["", "a", "b", "a\n", "x\rb", "x\r\n", "50%\r100%\n", "a\bb", "line\nline\n"]
KINDS = ["text/plain", "text/html", "image/png", "image/jpeg", "text/latex", "image/svg+xml", compare.SKIPPED[6]]
PAIRS = 6000


def nbvals_verdict(got: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> bool:
    """Whether nbval itself finds two lists of outputs equal."""
    skip = (*compare.SKIPPED[:6], compare.SKIPPED[6], "image/png", "image/jpeg")
    colors = SimpleNamespace(FAIL="", ENDC="", OKBLUE="")
    cell = SimpleNamespace(
        parent=SimpleNamespace(skip_compare=skip, sanitize_patterns={}),
        colors=colors,
        sanitize=lambda text: text,
        format_output_compare=lambda *parts: None,
    )
    ours, theirs = (plugin.coalesce_streams([from_dict(copy.deepcopy(o)) for o in side]) for side in (got, recorded))
    return bool(plugin.IPyNbCell.compare_outputs(cell, ours, theirs))


def output(chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(["stream", "stream", "execute_result", "display_data", "error"])
    if kind == "stream":
        name = chance.choice(["stdout", "stderr"])
        return {"output_type": kind, "name": name, "text": chance.choice(TEXTS)}
    if kind == "error":
        names = {"ename": chance.choice("AB"), "evalue": chance.choice("ab"), "traceback": [chance.choice("xy")]}
        return {"output_type": kind, **names}
    data = {name: chance.choice(TEXTS) for name in chance.sample(KINDS, chance.randint(0, 3))}
    made = {"output_type": kind, "data": data, "metadata": {}}
    return made | ({"execution_count": chance.randint(1, 3)} if kind == "execute_result" else {})


def change(chance: random.Random, outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    changed = copy.deepcopy(outputs)
    for _ in range(chance.randint(0, 2)):
        action = chance.randint(0, 3)
        if action == 0 or not changed:
            changed.insert(chance.randint(0, len(changed)), output(chance))
        elif action == 1:
            changed.pop(chance.randrange(len(changed)))
        elif action == 2:
            chance.shuffle(changed)
        else:
            changed[chance.randrange(len(changed))] = output(chance)
    return changed


def test_agrees_with_nbval_on_random_outputs() -> None:
    chance = random.Random(4)
    equal = 0
    for _ in range(PAIRS):
        recorded = [output(chance) for _ in range(chance.randint(0, 4))]
        got = change(chance, recorded)
        ours = not compare.difference(compare.coalesce_streams(got), compare.coalesce_streams(recorded))
        assert ours is nbvals_verdict(got, recorded), (got, recorded)
        equal += ours
    assert PAIRS * 0.2 < equal < PAIRS * 0.8  # both answers are tested


def test_coalescing_changes_nothing_that_was_given() -> None:
    outputs = [{"output_type": "stream", "name": "stdout", "text": part} for part in ("a", "b")]
    before = copy.deepcopy(outputs)
    assert compare.coalesce_streams(outputs)[0]["text"] == "ab"
    assert outputs == before


def test_differences_are_named() -> None:
    assert compare.difference([compare.result("1")], [compare.result("2")]) == "text/plain: expected 2, got 1"
    assert compare.difference([], [compare.result("2")]) == "missing output: text/plain"
    loud = {"output_type": "stream", "name": "stdout", "text": "debug"}
    assert compare.difference([loud, compare.result("2")], [compare.result("2")]) == "unexpected output: stdout"
    assert compare.difference([loud, compare.result("2")], [compare.result("2")], compare.STREAMS) == ""
