"""Sizes at which an expression becomes zero, or changes its sign: where the answer to a question

turns. ``n // 8 - 4`` is zero from 32 to 39, which no number in it says.
"""

from __future__ import annotations

from monograph.shapes.expr import Expr, Values

__all__ = ["crossings"]

_LARGEST = 2**24


def crossings(expr: Expr, name: str, values: Values, lo: int | None, hi: int | None) -> list[int]:
    """Values from ``lo`` to ``hi`` of the size ``name``, others as in ``values``, on both sides of

    each place where ``expr`` gets another sign; the first and last of its zeros among them. Found
    by bisection: all of them where it grows with the size or falls, as most do, else some.
    """
    low = lo if lo is not None else 0
    high = hi if hi is not None else _LARGEST
    if low >= high:
        return []

    def sign(value: int) -> int:
        found = expr.evaluate({**values, name: value})
        return (found > 0) - (found < 0)

    def turn(before: set[int]) -> int:
        """A value at which the sign is none of ``before``, and at the one below it is."""
        below, above = low, high
        while above - below > 1:
            middle = (below + above) // 2
            if sign(middle) in before:
                below = middle
            else:
                above = middle
        return above

    try:
        first, last = sign(low), sign(high)
        if first == last:
            return []
        places = {turn({first}), turn({-1, 0, 1} - {last})}
    except (ArithmeticError, KeyError, ValueError):  # it is none for all of these sizes
        return []
    return [value for place in sorted(places) for value in (place, place - 1)]
