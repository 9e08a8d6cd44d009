"""Whether chance decides anything of a program: in strict mode, such a program is refused.

A program that goes through a set of strings is captured again with the items in other orders, one
that asks for the time at other times. If it is the same program each time, chance is of no matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monograph.capture.session import Captured
from monograph.constraints.same_program import is_same_program
from monograph.source.chance import Chance, Chances, Place

__all__ = ["require_no_chance"]

_MOST_TURNS = 7  # beside the opposite order: with eight items, each comes first and last once


def require_no_chance(
    captured: Captured, chances: Chances, attempt: Callable[[], Captured]
) -> None:
    """See to it that ``captured`` is the program whatever chance gives.

    In a library, an order of a set that matters is listed.

    Raises:
        PythonFeatureError: MG-P108, with the line that asks.
    """
    found = dict(chances.found)
    if _is_same(captured, chances, attempt, found):
        return
    alone = [
        place
        for place, chance in found.items()
        if not _is_same(captured, chances, attempt, {place: chance})
    ]
    for place in alone or found:
        if place is None or not found[place].is_set or "site-packages" not in place.file:
            raise found[place].refusal(place)
        text = "a library goes through a set: its order is fixed"
        captured.recorder.assume("set-order", text, place)


def _is_same(
    captured: Captured,
    chances: Chances,
    attempt: Callable[[], Captured],
    places: Mapping[Place, Chance],
) -> bool:
    if not all(chance.is_known for chance in places.values()):
        return False
    most = max(chance.turns for chance in places.values())
    chances.turned = places
    try:
        for turn in (-1, *range(1, min(most, _MOST_TURNS + 1) if most > 2 else 1)):
            chances.turn = turn
            if not is_same_program(captured, attempt()):
                return False
    except Exception:  # with other luck it is no program
        return False
    finally:
        chances.turn = 0
    return True
