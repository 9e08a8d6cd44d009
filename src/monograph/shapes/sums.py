"""Sums over a counter: what the pieces of a tensor come to, where numbers show it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from monograph.shapes.expr import Atom, Expr, Int, value_of

__all__ = ["sum_over"]

# Values of the sizes that the sum depends on, by how many there are.
_TRIED = {1: range(34), 2: (0, 1, 2, 3, 5, 8, 13), 3: (0, 1, 2, 5)}
_MOST = 200  # items of one sum


def sum_over(item: Int, counter: Atom, first: int, length: Int) -> Int | None:
    """The sum of ``item`` for ``counter`` from ``first`` to ``length - 1``: linear in one size.

    ``min(n - 4*i, 4)`` over all pieces is ``n``, which may be a product of sizes. It is found by
    numbers, not proved: who relies on it asserts it. None where no such sum fits all numbers that
    are tried.
    """
    parts = [part for part in (length, item) if isinstance(part, Expr)]
    symbols = {s.name: s for part in parts for s in part.symbols() if s is not counter}
    if len(symbols) not in _TRIED:
        return None
    tried = [
        dict(zip(symbols, values, strict=True))
        for values in itertools.product(_TRIED[len(symbols)], repeat=len(symbols))
    ]
    try:
        sums = [_summed(item, counter, first, length, sizes) for sizes in tried]
        for size in _taken_apart(parts, [*symbols.values()], counter):
            found = _linear(size, [value_of(size, sizes) for sizes in tried], sums)
            if found is not None:
                return found
    except (ZeroDivisionError, ValueError, OverflowError):
        pass
    return None


def _taken_apart(parts: list[Expr], symbols: list[Atom], counter: Atom) -> Iterator[Int]:
    """What the sum may be linear in: the one size, or what is taken apart into pieces."""
    scope = parts[0].scope
    if len(symbols) == 1:
        yield scope.bare(symbols[0])
    left = list(parts)
    while left:
        for atom in left.pop(0).atoms():
            inside = [arg for arg in atom.args if isinstance(arg, Expr)]
            left += inside
            for arg in inside:  # ``n`` of ``(n + 3) // 4``, of ``min(n - 4*i, 4)``
                terms = tuple(term for term in arg.terms if counter.index not in term[0])
                whole = scope.make(terms, 0)
                if isinstance(whole, Expr) and counter not in whole.symbols():
                    yield whole


def _linear(size: Int, values: list[int], sums: list[int]) -> Int | None:
    """``slope * size + offset`` that is each of ``sums`` where ``size`` is its value."""
    low, high = values.index(min(values)), values.index(max(values))
    across = values[high] - values[low]
    if not across or (sums[high] - sums[low]) % across:
        return None
    slope = (sums[high] - sums[low]) // across
    offset = sums[low] - slope * values[low]
    if any(found != slope * n + offset for n, found in zip(values, sums, strict=True)):
        return None
    return size * slope + offset


def _summed(item: Int, counter: Atom, first: int, length: Int, sizes: dict[str, int]) -> int:
    count = length.evaluate(sizes) if isinstance(length, Expr) else length
    if count > _MOST:
        raise OverflowError
    return sum(
        item.evaluate({**sizes, counter.name: i}) if isinstance(item, Expr) else item
        for i in range(first, count)
    )
