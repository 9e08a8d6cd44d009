"""How a tensor of symbolic sizes lies in memory, as far as it can be told for all sizes."""

from __future__ import annotations

from collections.abc import Sequence

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Int
from monograph.shapes.questions import equal

__all__ = ["lies_densely", "lies_in_order"]


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
