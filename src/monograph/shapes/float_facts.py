"""What is known of floats: comparisons that hold, and the bounds that follow from them.

Floats are rounded, but rounding keeps order: an operation that grows with its arguments, done with
their bounds, bounds its result. What may be no number at all is told apart: of such a value each
comparison but ``!=`` is false.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, replace

from monograph.shapes.expr import Expr, interval
from monograph.shapes.floats import FloatExpr, Real
from monograph.shapes.questions import CompareFloats

__all__ = ["FloatFacts"]

_INFINITY = math.inf


@dataclass(frozen=True)
class _Bounds:
    """``lo <= value <= hi``; ``is_above``: it is not ``lo`` itself; ``is_below``: nor ``hi``.

    ``is_number``: it is never NaN.
    """

    lo: float = -_INFINITY
    hi: float = _INFINITY
    is_above: bool = False
    is_below: bool = False
    is_number: bool = False

    def within(self, other: _Bounds) -> _Bounds:
        """Both hold."""
        lo, hi = max(self.lo, other.lo), min(self.hi, other.hi)
        sides = (self, other)
        return _Bounds(
            lo,
            hi,
            any(each.is_above for each in sides if each.lo == lo),
            any(each.is_below for each in sides if each.hi == hi),
            self.is_number or other.is_number,
        )


_ANYTHING = _Bounds()
_NOT_NEGATIVE = _Bounds(lo=0.0)
_GROWING = {"sqrt": math.sqrt, "exp": math.exp, "log": math.log, "log2": math.log2,
            "log10": math.log10, "atan": math.atan, "tanh": math.tanh, "float": float}  # fmt: skip
_SWAPPED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge", "eq": "eq", "ne": "ne"}
_OPPOSITE = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
# What follows of the same two sides, where the comparison holds.
_FOLLOWS: dict[str, dict[str, bool]] = {
    "lt": {"lt": True, "le": True, "eq": False, "ne": True, "ge": False, "gt": False},
    "le": {"le": True, "gt": False},
    "gt": {"gt": True, "ge": True, "eq": False, "ne": True, "le": False, "lt": False},
    "ge": {"ge": True, "lt": False},
    "eq": {"eq": True, "ne": False, "le": True, "ge": True, "lt": False, "gt": False},
    "ne": {"ne": True, "eq": False},
}
_BOUNDS_OF: dict[str, Callable[[float], _Bounds]] = {
    "lt": lambda c: _Bounds(hi=c, is_below=True, is_number=True),
    "le": lambda c: _Bounds(hi=c, is_number=True),
    "gt": lambda c: _Bounds(lo=c, is_above=True, is_number=True),
    "ge": lambda c: _Bounds(lo=c, is_number=True),
    "eq": lambda c: _Bounds(lo=c, hi=c, is_number=True),
    "ne": lambda c: _ANYTHING,
}


class FloatFacts:
    """Comparisons of floats that hold, and what follows from them."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, Real, Real], bool] = {}
        self._bounds: dict[Real, _Bounds] = {}

    def copy(self) -> FloatFacts:
        """The same facts, to be added to."""
        made = FloatFacts()
        made._answers.update(self._answers)
        made._bounds.update(self._bounds)
        return made

    def assume(self, test: CompareFloats) -> None:
        """``test`` holds."""
        name = test.op.removeprefix("not ")
        left, right = test.left, test.right
        if name != test.op:  # of what may be no number, the opposite of "less" is not "not less"
            both_are_numbers = self._of(left).is_number and self._of(right).is_number
            if both_are_numbers or name in ("eq", "ne"):
                name = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}[
                    name
                ]
            else:
                self._note(name, left, right, answer=False)
                return
        for other, answer in _FOLLOWS[name].items():
            self._note(other, left, right, answer=answer)
        for item, op, bound in ((left, name, right), (right, _SWAPPED[name], left)):
            if isinstance(bound, (int, float)) and not isinstance(item, (int, float)):
                before = self._bounds.get(item, _ANYTHING)
                self._bounds[item] = before.within(_BOUNDS_OF[op](float(bound)))

    def _note(self, name: str, left: Real, right: Real, *, answer: bool) -> None:
        self._answers[name, left, right] = answer
        self._answers[_SWAPPED[name], right, left] = answer

    def known(self, test: CompareFloats) -> bool | None:
        """Whether ``test`` holds; None where that is not known."""
        name = test.op.removeprefix("not ")
        found = self._answers.get((name, test.left, test.right))
        if found is None:
            found = _compared(name, self._of(test.left), self._of(test.right))
        return found if found is None or name == test.op else not found

    def _of(self, item: Real) -> _Bounds:
        """The bounds of ``item``, by its operations and by what is assumed of it."""
        if isinstance(item, (int, float)):
            return _Bounds(float(item), float(item), is_number=not math.isnan(item))
        if isinstance(item, Expr):
            lo, hi = interval(item)
            return _Bounds(
                -_INFINITY if lo is None else _rounded(lo),
                _INFINITY if hi is None else _rounded(hi),
                is_number=True,
            )
        found = self._bounds.get(item, _ANYTHING)
        return found if item.op == "symbol" else found.within(self._computed(item))

    def _computed(self, item: FloatExpr) -> _Bounds:
        args = [self._of(arg) for arg in item.args if not isinstance(arg, str)]
        if item.op in _GROWING:
            return _grown(_GROWING[item.op], args[0])
        if item.op == "neg":
            (x,) = args
            return _Bounds(-x.hi, -x.lo, x.is_below, x.is_above, x.is_number)
        if item.op == "abs":
            return _absolute(args[0])
        if item.op in ("add", "sub", "mul", "truediv") and all(a.is_number for a in args):
            left, right = args
            if item.op == "sub":
                return _combined(operator.add, left, _Bounds(-right.hi, -right.lo))
            if item.op == "truediv" and right.lo <= 0 <= right.hi:
                return _Bounds()
            return _combined(getattr(operator, item.op), left, right)
        if item.op in ("max", "min") and all(a.is_number for a in args):
            pick = max if item.op == "max" else min
            return _Bounds(pick(a.lo for a in args), pick(a.hi for a in args), is_number=True)
        return _ANYTHING


def _rounded(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(_INFINITY, number)


def _grown(function: Callable[[float], float], x: _Bounds) -> _Bounds:
    """The bounds of a function that never falls."""
    ends = []
    for end, otherwise in ((x.lo, -_INFINITY), (x.hi, _INFINITY)):
        try:
            ends.append(function(end))
        except (ValueError, OverflowError):
            ends.append(otherwise)
    if function in (math.sqrt, math.exp):
        ends[0] = max(ends[0], 0.0)
    # Python raises an error for arguments that such a function has no value for.
    return _Bounds(ends[0], ends[1], is_number=x.is_number)


def _absolute(x: _Bounds) -> _Bounds:
    if x.lo >= 0:
        return x
    if x.hi <= 0:
        return _Bounds(-x.hi, -x.lo, x.is_below, x.is_above, x.is_number)
    return replace(_NOT_NEGATIVE, hi=max(-x.lo, x.hi), is_number=x.is_number)


def _combined(function: Callable[[float, float], float], left: _Bounds, right: _Bounds) -> _Bounds:
    """The bounds of a sum, product or quotient of numbers: those of the corners."""
    try:
        corners = [function(x, y) for x in (left.lo, left.hi) for y in (right.lo, right.hi)]
    except OverflowError:
        return _ANYTHING
    if any(math.isnan(corner) for corner in corners):
        return _ANYTHING
    is_number = function is not operator.mul or not _is_zero_times_infinity(left, right)
    return _Bounds(min(corners), max(corners), is_number=is_number)


def _is_zero_times_infinity(left: _Bounds, right: _Bounds) -> bool:
    """Whether a product may be NaN; of sums and quotients the corners tell it."""
    return any(
        one.lo <= 0 <= one.hi and (math.isinf(other.lo) or math.isinf(other.hi))
        for one, other in ((left, right), (right, left))
    )


def _compared(name: str, left: _Bounds, right: _Bounds) -> bool | None:
    """The answer to a comparison, by the bounds of both sides."""
    are_numbers = left.is_number and right.is_number
    if name in ("gt", "ge"):
        return _compared(_SWAPPED[name], right, left)
    is_apart = left.hi < right.lo or right.hi < left.lo or (
        (left.hi == right.lo and (left.is_below or right.is_above))
        or (right.hi == left.lo and (right.is_below or left.is_above))
    )  # fmt: skip
    if name in ("eq", "ne"):
        if is_apart:
            return name == "ne"
        is_one = left.lo == left.hi == right.lo == right.hi and are_numbers
        return name == "eq" if is_one else None
    if name == "lt":
        if left.hi < right.lo or (left.hi == right.lo and (left.is_below or right.is_above)):
            return True if are_numbers else None
        return False if left.lo >= right.hi else None
    if left.hi <= right.lo:
        return True if are_numbers else None
    above = left.lo == right.hi and (left.is_above or right.is_below)
    return False if left.lo > right.hi or above else None
