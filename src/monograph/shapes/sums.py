"""Sums over a counter: what the pieces of a tensor come to, where numbers show it."""

from __future__ import annotations

from monograph.shapes.expr import Atom, Expr, Int

__all__ = ["sum_over"]

_TRIED = range(34)  # values of the size that the sum depends on
_MOST = 200  # items of one sum


def sum_over(item: Int, counter: Atom, first: int, length: Int) -> Int | None:
    """The sum of ``item`` for ``counter`` from ``first`` to ``length - 1``: linear in one size.

    ``min(n - 4*i, 4)`` over all pieces is ``n``. It is found by numbers, not proved: who relies on
    it asserts it. None where no such sum fits all numbers that are tried.
    """
    sizes = {
        symbol.name: symbol
        for part in (item, length)
        if isinstance(part, Expr)
        for symbol in part.symbols()
        if symbol is not counter
    }
    if len(sizes) != 1:
        return None
    ((name, size),) = sizes.items()
    try:
        sums = [_summed(item, counter, first, length, {name: value}) for value in _TRIED]
    except (ZeroDivisionError, ValueError, OverflowError):
        return None
    slope, offset = sums[-1] - sums[-2], sums[-1] - (sums[-1] - sums[-2]) * _TRIED[-1]
    if any(found != slope * value + offset for value, found in zip(_TRIED, sums, strict=True)):
        return None
    scope = next(part.scope for part in (item, length) if isinstance(part, Expr))
    return scope.bare(size) * slope + offset


def _summed(item: Int, counter: Atom, first: int, length: Int, sizes: dict[str, int]) -> int:
    count = length.evaluate(sizes) if isinstance(length, Expr) else length
    if count > _MOST:
        raise OverflowError
    return sum(
        item.evaluate({**sizes, counter.name: i}) if isinstance(item, Expr) else item
        for i in range(first, count)
    )
