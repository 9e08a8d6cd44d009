"""Garbage is collected more rarely while much is made that lives on."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["rarer_collection"]

_CONTAINERS_BETWEEN_COLLECTIONS = 50_000


@contextlib.contextmanager
def rarer_collection() -> Iterator[None]:
    """Garbage is collected more rarely: what a capture makes lives on, and is looked at in vain."""
    first, *others = gc.get_threshold()
    is_rarer = 0 < first < _CONTAINERS_BETWEEN_COLLECTIONS  # 0: somebody has switched it off
    during = (_CONTAINERS_BETWEEN_COLLECTIONS, *others)
    if is_rarer:
        gc.set_threshold(*during)
    try:
        yield
    finally:
        if is_rarer and gc.get_threshold() == during:
            gc.set_threshold(first, *others)
