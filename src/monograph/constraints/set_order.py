"""Whether the order of a set is part of a program: in strict mode, such a program is refused.

A program that goes through a set of strings is captured again with the items in other orders. If
it is the same program each time, the order is of no matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monograph.capture.session import Captured
from monograph.constraints.same_program import is_same_program
from monograph.source.audit import unstable
from monograph.source.orders import Orders, Place

__all__ = ["require_any_order"]

_MOST_TURNS = 7  # beside the opposite order: with eight items, each comes first and last once


def require_any_order(captured: Captured, orders: Orders, attempt: Callable[[], Captured]) -> None:
    """See to it that ``captured`` is the program whatever the order of its sets.

    In a library, an order that matters is listed.

    Raises:
        PythonFeatureError: MG-P108, with the line that goes through the set.
    """
    found, unknown = dict(orders.found), set(orders.unknown)
    if not found or (not unknown and _is_same(captured, orders, attempt, found)):
        return
    alone = [
        place
        for place, items in found.items()
        if place in unknown or not _is_same(captured, orders, attempt, {place: items})
    ]
    for place in alone or found:
        if place is None or "site-packages" not in place.file:
            raise unstable("the order of a set", place, "write sorted(...) around the set")
        text = "a library goes through a set: its order is fixed"
        captured.recorder.assume("set-order", text, place)


def _is_same(
    captured: Captured,
    orders: Orders,
    attempt: Callable[[], Captured],
    places: Mapping[Place, int],
) -> bool:
    most = max(places.values())
    orders.turned = places
    try:
        for turn in (-1, *range(1, min(most, _MOST_TURNS + 1) if most > 2 else 1)):
            orders.turn = turn
            if not is_same_program(captured, attempt()):
                return False
    except Exception:  # in another order it is no program
        return False
    finally:
        orders.turn = 0
    return True
