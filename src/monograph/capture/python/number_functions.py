"""Functions of ``math`` and of numpy on numbers that vary, by what is known of sizes.

``math.gcd(n, 4)``, ``math.comb(n, 2)``, ``np.minimum(n, 4)``, ``np.int64(n)``: Python and numpy
compute them in C, from the very numbers. Each is said here in arithmetic, where that is exact.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Callable

import torch

from monograph.shapes.floats import FloatExpr
from monograph.shapes.symnode import expression_of, symbolic

__all__ = ["FUNCTIONS_OF_MATH", "METHODS_OF_NUMPY", "Number", "functions_of_numpy"]

Number = int | float | torch.SymInt | torch.SymFloat
Function = Callable[..., object]

_VARYING = (torch.SymInt, torch.SymFloat)
_NUMBERS = (int, float, *_VARYING)
_MOST_COMMON = 64  # the number that another one's divisors are shared with
_MOST_CHOSEN = 8
_absolute: Callable[..., object] = abs  # which also take what varies
_nearest: Callable[..., object] = round


def _where_some_vary(original: Function, said: Callable[..., object]) -> Function:
    """``said`` of numbers, some of which vary; None from it, and all else, is for ``original``."""

    def call(*args: object, **kwargs: object) -> object:
        is_ours = not kwargs and any(isinstance(each, _VARYING) for each in args)
        if is_ours and all(isinstance(each, _NUMBERS) for each in args):
            try:
                found = said(*args)
            except TypeError:  # another number of arguments
                found = None
            if found is not None:
                return found
        return original(*args, **kwargs)

    return call


# Integers ----------------------------------------------------------------------------------------


def _common_divisor(left: Number, right: Number) -> object:
    if isinstance(left, int):
        left, right = right, left
    if not isinstance(left, torch.SymInt) or not isinstance(right, int):
        return None
    right = abs(right)
    if not 0 < right <= _MOST_COMMON:
        return None
    found: int | torch.SymInt = 0
    for divisor in range(1, right + 1):
        if right % divisor == 0:  # the totients of all common divisors come to the greatest
            totient = sum(math.gcd(each, divisor) == 1 for each in range(1, divisor + 1))
            is_common = 1 - (left % divisor + divisor - 1) // divisor
            found = found + totient * is_common
    return found


def _common_multiple(left: Number, right: Number) -> object:
    divisor = _common_divisor(left, right)
    if divisor is None:
        return None
    fixed, varying = (left, right) if isinstance(left, int) else (right, left)
    return operator.mul(_absolute(varying), operator.floordiv(_absolute(fixed), divisor))


def _combinations(count: Number, chosen: Number) -> object:
    if not isinstance(count, torch.SymInt) or not isinstance(chosen, int):
        return None
    if not 0 <= chosen <= _MOST_CHOSEN:
        return None
    torch._check(count >= 0)
    product: int | torch.SymInt = 1
    for taken in range(chosen):
        product = product * (count - taken)
    return product // math.factorial(chosen)


# Floats ------------------------------------------------------------------------------------------


def _remainder(number: Number, divisor: Number) -> object:
    """``math.fmod`` of what is not negative: the remainder has the sign of the number."""
    if not isinstance(number, torch.SymInt) or not isinstance(divisor, int) or divisor <= 0:
        return None
    torch._check(number >= 0)
    return torch.sym_float(number % divisor)


def _angle(y: Number, x: Number) -> object:
    """``math.atan2`` where the point is on the right."""
    if isinstance(x, (int, float)) and x <= 0:
        return None
    torch._check(operator.gt(x, 0))
    ratio = torch.sym_float(operator.truediv(y, x))
    return symbolic(ratio.node.env, FloatExpr("atan", (expression_of(ratio),)))


def _square_root(number: Number) -> object:
    return torch.sym_sqrt(torch.sym_float(number))


FUNCTIONS_OF_MATH: list[tuple[Function, Function]] = [
    (original, _where_some_vary(original, said))
    for original, said in (
        (math.gcd, _common_divisor),
        (math.lcm, _common_multiple),
        (math.comb, _combinations),
        (math.fmod, _remainder),
        (math.atan2, _angle),
        (math.hypot, lambda x, y: _square_root(x * x + y * y)),
        (math.fabs, lambda x: torch.sym_float(abs(x))),
        (math.degrees, lambda x: torch.sym_float(x) * (180.0 / math.pi)),
        (math.radians, lambda x: torch.sym_float(x) * (math.pi / 180.0)),
    )
]


# numpy -------------------------------------------------------------------------------------------


def _rounded(rounding: Callable[..., object]) -> Callable[[Number], object]:
    """A float stays one, as numpy has it."""

    def call(number: Number) -> object:
        found = rounding(number)
        return torch.sym_float(found) if isinstance(number, torch.SymFloat) else found

    return call


def _clipped(number: Number, low: Number, high: Number) -> object:
    return torch.sym_min(torch.sym_max(number, low), high)


def _integer(number: Number) -> object:
    return torch.sym_int(number)


_OF_NUMPY: dict[str, Callable[..., object]] = {
    **dict.fromkeys(("int32", "int64", "intp"), _integer),
    "float64": torch.sym_float,
    "minimum": torch.sym_min,
    "maximum": torch.sym_max,
    "clip": _clipped,
    "square": lambda x: x * x,
    "absolute": abs,
    **dict.fromkeys(("round", "around", "rint"), _rounded(_nearest)),
}


@functools.cache
def functions_of_numpy() -> list[tuple[Function, Function]]:
    """The same for numpy, once it is loaded."""
    numpy = sys.modules["numpy"]
    return [
        (getattr(numpy, name), _where_some_vary(getattr(numpy, name), said))
        for name, said in _OF_NUMPY.items()
    ]


def _as_type(number: torch.SymInt | torch.SymFloat, kind: object) -> object:
    """``number.astype(kind)``: what numpy computes from sizes has this method."""
    name = getattr(kind, "__name__", str(kind))
    if name in ("int", "int32", "int64", "intp"):
        return torch.sym_int(number)
    if name in ("float", "float64"):
        return torch.sym_float(number)
    raise AttributeError(f"{type(number).__name__!r} object has no attribute 'astype'")


def _round_method(
    number: torch.SymInt | torch.SymFloat, decimals: int = 0, out: object = None
) -> object:
    if decimals or out is not None:
        raise TypeError(f"round() of a {type(number).__name__} takes no digits")
    return _rounded(_nearest)(number)


# What numpy's functions look for in what they are given, and programs in what they get.
METHODS_OF_NUMPY: dict[str, Function] = {"astype": _as_type, "round": _round_method}
