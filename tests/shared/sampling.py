"""Of the many cases of a test some run each time, and all of them with ``make sweep``.

Tests are generated: programs x dtypes x sizes x modes. A case in five shows what breaks a
mechanism; all of them are for who changes it, and take five times as long.
"""

from __future__ import annotations

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest

EVERY = 5
FEW = 4  # cases of a test that run in any case
# Each case of these is a promise of its own: an entry of the catalogue, a page, a file, a name.
WHOLE = (
    "docs/test_docs.py",
    "exportdb/test_exportdb.py",
    "tests/test_architecture.py",
    "tests/test_readme.py",
    "tests/test_torch_internals.py",
)


def some_of(cases: Iterable[object], every: int) -> list[object]:
    """``cases``, of which one in ``every`` runs each time: fewer of what is expensive."""
    return [
        case
        if (i + i // every) % every == 0
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for i, case in enumerate(cases)
    ]


def mark_sampled(items: Sequence[pytest.Item]) -> None:
    """Leave most cases of tests that have many to ``-m slow``.

    Which ones is decided by their names: the same everywhere, and none of the lists that cases are
    made of is gone through in step.
    """
    cases: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        path = item.path.as_posix()
        if hasattr(item, "callspec") and not path.endswith(WHOLE):
            cases[path, item.originalname].append(item)
    for several in cases.values():
        running = [item for item in several if item.get_closest_marker("slow") is None]
        running.sort(key=lambda item: zlib.crc32(item.name.encode()))
        for item in running[max(FEW, math.ceil(len(several) / EVERY)) :]:
            item.add_marker(pytest.mark.slow)
