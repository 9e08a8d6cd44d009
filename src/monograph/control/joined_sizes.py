"""Sizes that differ on the two sides of a question about sizes, as one expression.

``8 * ((h + 7) // 8)`` is what padding to a multiple of 8 gives on both sides of ``if h % 8``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Atom, Expr, Int, interval
from monograph.shapes.questions import All, Compare, Some, Test, equal, not_less
from monograph.shapes.supposing import go_back, mark

__all__ = ["least_on", "one_size"]

_MOST_CANDIDATES = 12


def one_size(env: ShapeEnv, sizes: Sequence[Int], paths: Sequence[Test]) -> Int | None:
    """An expression that is each of ``sizes`` where its path is taken; None if none is found."""
    if any(isinstance(path, bool) for path in paths):
        return None
    found = _by_digit(env, sizes, paths)
    if found is not None:
        return found
    left = list(dict.fromkeys(_candidates(env, sizes, paths)))[:_MOST_CANDIDATES]
    for size, path in zip(sizes, paths, strict=True):
        if left:
            with _taken(env, path):
                left = [each for each in left if _is_equal(env, each, size)]
    return left[0] if left else None


def least_on(env: ShapeEnv, sizes: Sequence[Int], paths: Sequence[Test]) -> int | None:
    """A number that no size is below where its path is taken."""
    found: list[int] = []
    for size, path in zip(sizes, paths, strict=True):
        with _taken(env, path):
            lowest = interval(env.scope.normal(size))[0]
        if lowest is None:
            return None
        found.append(lowest)
    return min(found)


def _is_equal(env: ShapeEnv, left: Int, right: Int) -> bool:
    try:
        if env.is_known(equal(left, right)):
            return True
        return env.is_known(not_less(left, right)) and env.is_known(not_less(right, left))
    except ZeroDivisionError:  # ``m // n if n else 0``: one of them is no number on this side
        return False


@contextlib.contextmanager
def _taken(env: ShapeEnv, path: Test) -> Iterator[None]:
    """Inside, ``path`` is known to be taken."""
    before = mark(env)
    try:
        env.assume(path)
        for quotient in _quotients(_expressions(path)):
            rest = env.scope.mod(*quotient.args)
            if quotient.args[1] == 2 and path == equal(rest, 0, is_equal=False):
                env.assume(equal(rest, 1))  # odd
        yield
    finally:
        go_back(env, before)


def _candidates(env: ShapeEnv, sizes: Sequence[Int], paths: Sequence[Test]) -> Iterator[Int]:
    """Expressions that are each of two sizes where their sides are often written so."""
    scope = env.scope
    yield from sizes
    for quotient in _quotients([*sizes, *(e for path in paths for e in _expressions(path))]):
        inside, step = quotient.args
        assert isinstance(step, int)
        floor, ceiling = scope.bare(quotient), scope.ceildiv(inside, step)
        for size in sizes:
            yield scope.with_atom(size, quotient, ceiling - 1)
            yield scope.with_atom(size, quotient, ceiling)
            if isinstance(inside, Expr) and isinstance(size, Expr) and not _has(size, quotient):
                for symbol in inside.symbols():
                    rest = inside - scope.bare(symbol)
                    if isinstance(rest, int):
                        yield scope.with_atom(size, symbol, step * ceiling - rest)
                        yield scope.with_atom(size, symbol, step * floor - rest)
    yield scope.maximum(*sizes)
    yield scope.minimum(*sizes)


def _by_digit(env: ShapeEnv, sizes: Sequence[Int], paths: Sequence[Test]) -> Int | None:
    """``1 if n % 2 else 0``: two sizes, a number apart, by what is never anything but 0 or 1."""
    apart = sizes[0] - sizes[1]
    if len(sizes) != 2 or not isinstance(apart, int) or not isinstance(paths[0], Compare):
        return None
    kind, compared = paths[0].kind, paths[0].expr
    for digit in (compared + 1,) if kind == "ge" else (compared, -compared):
        if env.is_known(not_less(digit, 0)) and env.is_known(not_less(1, digit)):
            holds = 1 - digit if kind == "eq" else digit
            return sizes[1] + holds * apart
    return None


def _expressions(test: Test) -> list[Expr]:
    if isinstance(test, (All, Some)):
        return [expr for part in test.parts for expr in _expressions(part)]
    return [test.expr] if isinstance(test, Compare) else []


def _quotients(items: Sequence[Int]) -> list[Atom]:
    """The divisions by numbers in ``items``."""
    atoms = (atom for item in items if isinstance(item, Expr) for atom in item.atoms())
    return [a for a in dict.fromkeys(atoms) if a.kind == "div" and isinstance(a.args[1], int)]


def _has(item: Expr, atom: Atom) -> bool:
    return atom in item.atoms()
