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

from monograph.capture.python.frames import is_asked_by_user
from monograph.capture.python.number_methods import of_floats
from monograph.shapes.floats import FloatExpr
from monograph.shapes.symnode import expression_of, symbolic

__all__ = [
    "FUNCTIONS_OF_MATH",
    "NUMBERS_OF_NUMPY",
    "Number",
    "functions_of_numpy",
    "in_numpy",
    "plain",
]

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


def _class_of(number: object) -> type:
    kind = type(number)
    return in_numpy(kind) if is_asked_by_user() else kind


class _OfNumpy:
    """What numpy's functions return, and what is computed of that: with methods of arrays.

    A size has none of them, and programs ask for them to tell one from the other.
    """

    __class__ = property(_class_of)

    def astype(self, kind: object) -> object:
        name = getattr(kind, "__name__", str(kind))
        if name in ("int", "int32", "int64", "intp"):
            return _of_numpy(torch.sym_int(self))
        if name in ("float", "float64"):
            return _of_numpy(torch.sym_float(self))
        raise AttributeError(f"a number that varies is no {name}")

    def round(self, decimals: int = 0, out: object = None) -> object:
        if decimals or out is not None:
            raise TypeError("a number that varies is rounded to no digits")
        return _of_numpy(_rounded(_nearest)(self))  # type: ignore[arg-type]

    def item(self) -> object:
        return plain(self)

    def tolist(self) -> object:
        return plain(self)


class _Integer(_OfNumpy, torch.SymInt):
    pass


class _Float(_OfNumpy, torch.SymFloat):
    pass


NUMBERS_OF_NUMPY: dict[type, str] = {_Integer: "int64", _Float: "float64"}


def in_numpy(kind: type) -> type:
    """The type in eager mode of a number of one of the ``NUMBERS_OF_NUMPY``."""
    found: type = getattr(sys.modules["numpy"], NUMBERS_OF_NUMPY[kind])
    return found


def _of_numpy(number: object) -> object:
    if isinstance(number, torch.SymInt):
        return _Integer(number.node)  # type: ignore[no-untyped-call]
    if isinstance(number, torch.SymFloat):
        return _Float(number.node)  # type: ignore[no-untyped-call]
    numpy = sys.modules["numpy"]
    if isinstance(number, int) and not isinstance(number, bool):
        return numpy.int64(number)
    return numpy.float64(number) if isinstance(number, float) else number


def plain(number: object) -> object:
    """``number`` as Python's, where it is one of numpy's: what ``int(number)`` makes of it."""
    if isinstance(number, _Integer):
        return torch.SymInt(number.node)
    return torch.SymFloat(number.node) if isinstance(number, _Float) else number


def _computed(kind: type, name: str) -> Function:
    def call(self: object, *args: object) -> object:
        return _of_numpy(getattr(kind, name)(self, *args))

    return call


_COMPUTED = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
for _own, _kind in ((_Integer, torch.SymInt), (_Float, torch.SymFloat)):
    for _name in (*(f"__{n}__" for n in _COMPUTED), *(f"__r{n}__" for n in _COMPUTED), "__neg__"):
        setattr(_own, _name, _computed(_kind, _name))


def _rounded(rounding: Callable[..., object]) -> Callable[[Number], object]:
    """A float stays one, as numpy has it."""

    def call(number: Number) -> object:
        found = rounding(number)
        return torch.sym_float(found) if isinstance(number, torch.SymFloat) else found

    return call


def _clipped(number: Number, low: Number, high: Number) -> object:
    return torch.sym_min(torch.sym_max(number, low), high)


def _float_of(name: str) -> Callable[[Number], object]:
    """The function ``name``, which is a float of whatever number."""
    in_python = name.replace("arc", "a")

    def call(number: Number) -> object:
        if in_python == "sqrt" or in_python.startswith("log"):  # numpy warns, Python raises
            least = -1 if in_python == "log1p" else 0
            is_in_domain = operator.ge if in_python == "sqrt" else operator.gt
            torch._check(
                is_in_domain(number, least), lambda: f"numpy.{name} of what is not positive"
            )
        return of_floats(in_python, number)

    return call


_OF_NUMPY: dict[str, Callable[..., object]] = {
    **dict.fromkeys(("int32", "int64", "intp"), torch.sym_int),
    "float64": torch.sym_float,
    "minimum": torch.sym_min,
    "maximum": torch.sym_max,
    "clip": _clipped,
    "square": lambda x: x * x,
    "absolute": abs,
    **dict.fromkeys(("round", "around", "rint"), _rounded(_nearest)),
    **{name: _rounded(getattr(math, name)) for name in ("ceil", "floor", "trunc")},
    **{name: _float_of(name) for name in (
        "sqrt", "exp", "log", "log2", "log10", "cos", "cosh", "sin", "sinh", "tan", "tanh",
        "arctan", "arcsinh", "log1p", "expm1", "exp2",
    )},
}  # fmt: skip


@functools.cache
def functions_of_numpy() -> list[tuple[Function, Function]]:
    """The same for numpy, once it is loaded."""
    numpy = sys.modules["numpy"]

    def computed(said: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            found = said(*args)
            return None if found is None else _of_numpy(found)

        return call

    return [
        (getattr(numpy, name), _where_some_vary(getattr(numpy, name), computed(said)))
        for name, said in _OF_NUMPY.items()
    ]
