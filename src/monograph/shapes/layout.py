"""How a tensor of symbolic sizes lies in memory, as far as it can be told for all sizes."""

from __future__ import annotations

from collections.abc import Sequence

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Int
from monograph.shapes.questions import Test, both, either, equal

__all__ = ["lies_densely", "lies_in_order", "question_of_order"]


def question_of_order(
    sizes: Sequence[Int], strides: Sequence[Int], order: Sequence[int], rank: int = 0
) -> Test:
    """The test of whether the dimensions, innermost first in ``order``, lie without gaps.

    An empty tensor lies in any row-major order; ``rank``: that of one order of four or five
    dimensions, for which torch looks at the strides of an empty tensor as well.
    """
    if rank and len(sizes) != rank:
        return False
    test: Test = True
    expected: Int = 1
    numel: Int = 1
    for i in order:
        test = both(test, either(equal(sizes[i], 1), equal(strides[i], expected)))
        expected = expected * sizes[i]
        numel = numel * sizes[i]
    return both(equal(numel, 0, is_equal=False), test) if rank else either(equal(numel, 0), test)


def lies_in_order(
    env: ShapeEnv, sizes: Sequence[Int], strides: Sequence[Int], order: Sequence[int]
) -> bool:
    """Whether the dimensions, innermost first in ``order``, follow each other without gaps."""
    if len(order) != len(sizes):
        return False
    expected: Int = 1
    for i in order:
        if sizes[i] == 1:
            continue
        if not env.is_known(equal(strides[i], expected)):
            return False
        expected = expected * sizes[i]
    return True


def lies_densely(env: ShapeEnv, sizes: Sequence[Int], strides: Sequence[Int]) -> bool:
    """Whether they do so in some order."""
    left = [pair for pair in zip(sizes, strides, strict=True) if pair[0] != 1]
    expected: Int = 1
    while left:
        match = next((p for p in left if env.is_known(equal(p[1], expected))), None)
        if match is None:
            return False
        left.remove(match)
        expected = expected * match[0]
    return True
