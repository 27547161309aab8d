"""Constitutional AI from scratch: the package that the lessons build and import."""

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
from cai_helpers.pipeline import constitutional_ai_pipeline
from cai_helpers.reviser import revise
from cai_helpers.verdict import parse_verdict

__all__ = [
    "CONSTITUTION",
    "Client",
    "ConstitutionError",
    "Critique",
    "LLMError",
    "Principle",
    "call_llm",
    "check_constitution",
    "connect",
    "constitutional_ai_pipeline",
    "critique",
    "current_client",
    "generate",
    "lint_principle",
    "load_constitution",
    "parse_verdict",
    "revise",
    "run_all_critiques",
    "save_constitution",
]
