"""Threads do not change what the course model says, from the first request of a process on."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cai_helpers.constitution import CONSTITUTION
from cai_helpers.course_model import CourseModel, library
from cai_helpers.critic import CRITIC_PROMPT, critic_message

ROOT = Path(__file__).resolve().parents[2]
COLD = "import sys; sys.path.insert(0, 'tests/course_model'); import test_threads; test_threads.print_answers()"


def answers(workers: int) -> list[str]:
    """What the critic says of thirty drafts, asked by so many threads at once."""
    model, headers = CourseModel(), {"x-api-key": "k", "anthropic-version": "2023-06-01"}

    def answer(body: bytes) -> str:
        return json.loads(model.handle("POST", "/v1/messages", headers, body).body)["content"][0]["text"]

    bodies = []
    for entry in library.entries()[::5][:30]:
        for principle in CONSTITUTION:
            message = critic_message(entry.drafts[0], principle, entry.prompt)
            turn = {"role": "user", "content": message}
            body = {"model": "course-model-1", "max_tokens": 999, "system": CRITIC_PROMPT, "messages": [turn]}
            bodies.append(json.dumps(body).encode())
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(answer, bodies))


def print_answers() -> None:
    """In a process of its own: nothing is read yet, and the threads change as often as can be."""
    sys.setswitchinterval(1e-6)
    print(json.dumps(answers(16)))


def test_sixteen_threads_get_what_one_gets() -> None:
    cold = subprocess.run([sys.executable, "-c", COLD], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(cold.stdout) == answers(1)
