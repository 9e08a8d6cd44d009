"""What an operator gives on fake tensors, on both sides of each question that torch asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monograph.diagnostics import OperatorError, OperatorIndexError
from monograph.inference.fakes import Outcome, Result
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal
from monograph.shapes.sides import Undone, found_on_all_sides

__all__ = ["has_unit", "outcome_of_all_sides"]


def outcome_of_all_sides(
    run: Callable[[], Outcome], env: ShapeEnv, given: Sequence[TensorSpec]
) -> Outcome:
    """What ``run`` returns, for all sizes that the tensors ``given`` may have.

    Strides of the result are those of sizes from 2.
    """

    def holds(general: Outcome, special: Outcome) -> bool:
        try:
            is_unit = has_unit(env, given)
        except ZeroDivisionError:  # no tensor has such a size: it was not computed
            return True
        try:
            return _Comparison(env, is_unit).is_same_outcome(general, special)
        except ZeroDivisionError:
            return False

    refusals = (OperatorError, OperatorIndexError)
    try:
        return found_on_all_sides(env, run, holds, _sizes_in, refusals, divides_by_zero=True)
    except Undone:
        return run()


def has_unit(env: ShapeEnv, specs: Sequence[TensorSpec]) -> bool:
    """Whether one of their sizes that vary is known to be 0 or 1."""
    sizes = dict.fromkeys(n for spec in specs for n in spec.shape if isinstance(n, Expr))
    return any(env.is_known(equal(size, n)) for size in sizes for n in (0, 1))


def _sizes_in(outcome: Outcome) -> set[str]:
    sizes = [n for spec in outcome.specs() for n in (*spec.shape, *spec.strides)]
    return {atom.name for size in sizes if isinstance(size, Expr) for atom in size.symbols()}


class _Comparison:
    """Whether outcomes are the same for what is known of sizes now.

    ``has_unit``: of single rows and empty tensors, strides are no matter.
    """

    def __init__(self, env: ShapeEnv, has_unit: bool) -> None:
        self.env = env
        self.has_unit = has_unit

    def is_same_outcome(self, left: Outcome, right: Outcome) -> bool:
        """Of all results."""
        is_one_kind = left.container is right.container
        return is_one_kind and self._are_same(left.results, right.results)

    def _are_same(self, left: Sequence[Result], right: Sequence[Result]) -> bool:
        return len(left) == len(right) and all(map(self._is_same, left, right))

    def _is_same(self, left: Result, right: Result) -> bool:
        if left.parts is not None or right.parts is not None:
            return self._are_same(left.parts or (), right.parts or ())
        if left.is_constant or right.is_constant:
            return left.is_constant is right.is_constant and left.constant == right.constant
        one, other = left.spec, right.spec
        if one is None or other is None:
            return one is other
        if (one.dtype, one.device, one.bits) != (other.dtype, other.device, other.bits):
            return False
        if left.source != right.source or len(one.shape) != len(other.shape):
            return False
        if not all(map(self._are_equal, one.shape, other.shape)):
            return False
        if self.has_unit or any(self._are_equal(size, 0) for size in one.shape):
            return True
        if left.source >= 0 and not self._are_equal(left.offset, right.offset):
            return False
        return all(
            self._are_equal(size, 1) or self._are_equal(a, b)
            for size, a, b in zip(one.shape, one.strides, other.strides, strict=True)
        )

    def _are_equal(self, left: Int, right: Int) -> bool:
        try:
            return self.env.is_known(equal(left, right))
        except ZeroDivisionError:  # one of them is no size for what is known now
            return False
