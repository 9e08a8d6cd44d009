"""Of many generated cases some run each time, and the others with ``-m slow``."""

from __future__ import annotations

from collections.abc import Iterable

import pytest


def some_of(cases: Iterable[object], every: int = 2) -> list[object]:
    """``cases``, of which one in ``every`` runs each time: of pairs, now this half, now that."""
    return [
        case
        if (i + i // every) % every == 0
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for i, case in enumerate(cases)
    ]
