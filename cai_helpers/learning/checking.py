"""What checks may import, under a private name: `from cai_helpers.learning.checking import replaced as _replaced`."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(namespace: MutableMapping[str, Any], **names: Any) -> Iterator[None]:
    """Give names of the notebook another meaning for a while: `with _replaced(globals(), ask=_fake): ...`.

    The learner's function then calls the stand-in too. Afterwards every name is as it was; all others are left alone.
    """
    missing = object()
    before = {name: namespace.get(name, missing) for name in names}
    namespace.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is missing:
                namespace.pop(name, None)
            else:
                namespace[name] = value
