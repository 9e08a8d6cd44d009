"""Sizes that an operator wants to be equal, found by trying: those that are in the example."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from monograph.ir.spec import TensorSpec
from monograph.shapes.env import Alone, ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import Test, equal
from monograph.shapes.supposing import forget, mark

__all__ = ["fewest_fixed", "fewest_ties"]

_MOST_TRIED = 64  # ways to tie the sizes of one call
_Classes = list[list[Int]]  # sizes that are to be equal


def fewest_ties(env: ShapeEnv, args: object, passes: Callable[[], bool]) -> list[Test] | None:
    """The fewest equalities between sizes in ``args`` under which an operator ``passes``.

    Only sizes that are equal in the example are tied. None where that does not help. Nothing that
    is learned while trying stays.
    """
    classes = [list(sizes) for sizes in _sizes_by_example(env, args).values() if len(sizes) > 1]
    return _fewest(env, classes, passes)


def fewest_fixed(env: ShapeEnv, args: object, passes: Callable[[], bool]) -> list[Test] | None:
    """The fewest sizes that have to be those of the example, for an operator that ``passes`` so."""
    by_example = _sizes_by_example(env, args)
    classes = [
        [number, size] for number, sizes in by_example.items() for size in sizes if size != number
    ]
    return _fewest(env, classes, passes)


def _sizes_by_example(env: ShapeEnv, args: object) -> dict[int, dict[Int, None]]:
    """The different sizes in ``args``, by what they are in the example."""
    found: dict[int, dict[Int, None]] = {}
    for size in _sizes_in(args):
        now = env.scope.normal(size)
        hint = env.hint(now)
        if hint is not None:
            found.setdefault(hint, {})[now] = None
    return found


def _sizes_in(item: object) -> Iterator[Int]:
    if isinstance(item, TensorSpec):
        yield from item.shape
    elif isinstance(item, Expr):
        yield item
    elif isinstance(item, (list, tuple)):
        for each in item:
            yield from _sizes_in(each)


def _fewest(env: ShapeEnv, classes: _Classes, passes: Callable[[], bool]) -> list[Test] | None:
    left = _MOST_TRIED

    def suffices(classes: _Classes) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and _holds_with(env, classes, passes)

    if not classes or not suffices(classes):
        return None
    needed: _Classes = []
    while classes:
        current = classes.pop()
        for parts in _halves(current):
            rest = [part for part in parts if len(part) > 1]
            if suffices([*needed, *classes, *rest]):
                classes += rest
                break
        else:
            needed.append(current)
    return list(_tests(needed))


def _holds_with(env: ShapeEnv, classes: _Classes, passes: Callable[[], bool]) -> bool:
    known, listener, trial = mark(env), env.listener, env.trial
    env.listener, env.trial = Alone(), None  # nobody is told of attempts
    try:
        for test in _tests(classes):
            env.assume(test)
        return passes()
    finally:
        env.listener, env.trial = listener, trial
        forget(env, known)


def _halves(sizes: list[Int]) -> Iterator[_Classes]:
    """The ways to make two classes of one, the most uneven first."""
    for count in range(1, len(sizes) // 2 + 1):
        for part in itertools.combinations(sizes, count):
            yield [list(part), [size for size in sizes if size not in part]]


def _tests(classes: _Classes) -> Iterator[Test]:
    for first, *others in classes:
        for other in others:
            yield equal(first, other)
