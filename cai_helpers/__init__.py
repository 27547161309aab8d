"""Constitutional AI from scratch: the package that the lessons build and import."""

import sys

from cai_helpers.audit import AuditLog, read_log
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
from cai_helpers.guardrail import SERVICE_RULES, Guardrail
from cai_helpers.json_answer import call_json
from cai_helpers.parallel import parallel_critique, parallel_critique_async
from cai_helpers.pipeline import constitutional_ai_pipeline, multi_round_pipeline
from cai_helpers.reviser import revise
from cai_helpers.scorecard import evaluate
from cai_helpers.streaming import stream_llm
from cai_helpers.training_data import build_dataset
from cai_helpers.verdict import parse_verdict

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
