"""Whether the order of a dictionary's keys is part of a program that is called with it.

Nothing tells that a program goes through a plain dictionary. So a program with dictionaries among
its arguments is captured once more, with their keys in the opposite order: if it is another
program, the order is part of its contract; if not, callers may give the keys as they like.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from monograph.capture.session import Captured
from monograph.constraints.same_program import is_same_program

__all__ = ["note_order"]

_MOST = 8  # dictionaries that are told apart

Attempt = Callable[[frozenset[str]], Captured]


def note_order(captured: Captured, first: Captured, attempt: Attempt) -> None:
    """Note in ``captured`` which dictionaries must have their keys in the example's order.

    ``first`` is the program as it was captured to begin with; ``attempt`` captures it with the
    dictionaries at some paths turned round.
    """
    found = first.arguments.dictionaries(first.root.signature)
    if not found or _is_same(first, attempt, found):
        return
    seen: Collection[str] = found
    if 1 < len(found) <= _MOST:
        seen = [path for path in found if not _is_same(first, attempt, [path])] or found
    ordered = {path: found[path] for path in seen}
    captured.arguments.order(ordered)
    for path, keys in ordered.items():
        names = ", ".join(name for _, name in keys)
        captured.recorder.assume(
            "key-order",
            f"the keys of {captured.arguments.source_of(path)} come in the order {names}: the "
            "program goes through them",
        )


def _is_same(first: Captured, attempt: Attempt, paths: Collection[str]) -> bool:
    try:
        other = attempt(frozenset(paths))
    except Exception:  # in the other order it is no program
        return False
    return is_same_program(first, other)
