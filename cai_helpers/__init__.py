"""Constitutional AI from scratch: the package that the lessons build and import.

What chapters 01 to 06 build is imported at once. The names of later chapters load their module on first use, so that
`import cai_helpers` stays quick.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cai_helpers.client import Client, call_llm, current_client
from cai_helpers.connection import connect
from cai_helpers.constitution import (
    CONSTITUTION,
    ConstitutionError,
    Principle,
    check_constitution,
    lint_principle,
    load_constitution,
    save_constitution,
)
from cai_helpers.critic import Critique, critique, run_all_critiques
from cai_helpers.errors import LLMError
from cai_helpers.generator import generate
from cai_helpers.pipeline import constitutional_ai_pipeline, multi_round_pipeline
from cai_helpers.reviser import revise
from cai_helpers.verdict import parse_verdict

if TYPE_CHECKING:
    from cai_helpers.audit import AuditLog, read_log
    from cai_helpers.guardrail import SERVICE_RULES, Guardrail
    from cai_helpers.json_answer import call_json
    from cai_helpers.parallel import parallel_critique, parallel_critique_async
    from cai_helpers.scorecard import evaluate
    from cai_helpers.streaming import stream_llm
    from cai_helpers.training_data import build_dataset

LATER = {
    "AuditLog": "audit",
    "Guardrail": "guardrail",
    "SERVICE_RULES": "guardrail",
    "build_dataset": "training_data",
    "call_json": "json_answer",
    "evaluate": "scorecard",
    "parallel_critique": "parallel",
    "parallel_critique_async": "parallel",
    "read_log": "audit",
    "stream_llm": "streaming",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"cai_helpers.{LATER[name]}"), name)
    globals()[name] = value
    return value


if sys.platform == "emscripten":
    from cai_helpers import browser

    browser.prepare()

__all__ = [
    "CONSTITUTION",
    "SERVICE_RULES",
    "AuditLog",
    "Client",
    "ConstitutionError",
    "Critique",
    "Guardrail",
    "LLMError",
    "Principle",
    "build_dataset",
    "call_json",
    "call_llm",
    "check_constitution",
    "connect",
    "constitutional_ai_pipeline",
    "critique",
    "current_client",
    "evaluate",
    "generate",
    "lint_principle",
    "load_constitution",
    "multi_round_pipeline",
    "parallel_critique",
    "parallel_critique_async",
    "parse_verdict",
    "read_log",
    "revise",
    "run_all_critiques",
    "save_constitution",
    "stream_llm",
]
