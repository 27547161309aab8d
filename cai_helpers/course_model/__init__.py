"""The course model: an offline stand-in for a language model that speaks the vendors' real wire formats.

It is a flight simulator, not a language model: a library of authored texts, a rule-based judge and a
rule-based reviser behind the HTTP formats of Anthropic and OpenAI. The same request gives the same answer.

    model = mount(session)            # requests.Session: calls to the vendors' addresses now stay here
    model = mount(session, seed=7, faults=["429", None])
    print(SWITCHES)                   # {name: (default, one sentence)}
    SimulatedPool(max_workers=8)      # an executor and a clock: latency is counted, and nobody waits
    with serve(port=8099) as server:  # the same behind a socket, for any program: server.url, server.openai_url
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import requests

    from .clock import SimulatedPool
    from .handler import CourseModel
    from .server import serve

MODEL_ID = "course-model-1"
ADDRESSES = ("https://api.anthropic.com", "https://api.openai.com")

__all__ = ["ADDRESSES", "MODEL_ID", "SWITCHES", "CourseModel", "SimulatedPool", "mount", "serve"]


def mount(session: requests.Session, model: CourseModel | None = None, **switches: Any) -> CourseModel:
    """Answer this session's calls to the vendors' addresses with a course model, and return it.

    Give a `model` to share one between sessions, or switches to make a new one. An unknown switch raises
    TypeError, a bad value ValueError; both say what fits.
    """
    from .adapter import CourseAdapter
    from .handler import CourseModel

    if model is None:
        model = CourseModel(**switches)
    elif switches:
        model.change(**switches)
    for address in ADDRESSES:
        session.mount(address, CourseAdapter(model))
    return model


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that importing the package stays cheap.
    if name == "CourseModel":
        from .handler import CourseModel

        return CourseModel
    if name == "SimulatedPool":
        from .clock import SimulatedPool

        return SimulatedPool
    if name == "serve":
        from .server import serve

        return serve
    if name == "SWITCHES":
        from .switches import documentation

        return documentation()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
