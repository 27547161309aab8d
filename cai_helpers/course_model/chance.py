"""Every random choice of the course model: a hash, never a generator with hidden state.

The same seed, request body, occurrence and purpose give the same number on any machine, in any thread.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

Roll = Callable[[str], float]  # purpose -> number in [0, 1)

_UNSEEN = ("stream", "stream_options", "metadata", "user")  # fields that do not change what is said
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def digest(*parts: object) -> bytes:
    """32 bytes that depend on every part and on the borders between them."""
    return hashlib.sha256("\x1f".join(str(part) for part in parts).encode("utf-8", "surrogatepass")).digest()


def draw(*parts: object) -> float:
    """A number in [0, 1) fixed by the parts."""
    return int.from_bytes(digest(*parts)[:7], "big") / 2**56


def name(prefix: str, *parts: object, length: int = 24) -> str:
    """An id such as msg_01Abc...: fixed by the parts."""
    number, letters = int.from_bytes(digest(prefix, *parts), "big"), []
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return prefix + "".join(letters)


def body_key(path: str, body: bytes, data: Any) -> str:
    """What makes two requests "the same": the path and the body, with key order and dress ignored."""
    if isinstance(data, dict):
        kept = {key: value for key, value in data.items() if key not in _UNSEEN}
        return digest(path, json.dumps(kept, sort_keys=True, ensure_ascii=True)).hex()
    return digest(path, body.hex()).hex()
