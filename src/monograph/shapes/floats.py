"""Numbers that Python computes as floats from sizes: kept as trees, never evaluated here.

Only what comes back to integers is understood: ``math.floor(n / 2)``, ``int(math.sqrt(n))``,
``round(n * 1.5)``. Where the result follows exactly it is an expression; the caller makes a
symbol of anything else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from monograph.shapes.expr import Expr, Int, Scope, Values, interval, value_of

__all__ = [
    "MATHEMATICAL",
    "ROUNDINGS",
    "FloatExpr",
    "Real",
    "float_value",
    "is_never_negative",
    "rational",
    "scaled_size",
    "to_integer",
]


def _power(x: float, y: float) -> float:
    """``x**y``, where that is a real number.

    Raises:
        ValueError: it is complex.
    """
    found: float | complex = x**y
    if isinstance(found, complex):
        raise ValueError(f"{x} ** {y} is complex")  # as what math says of its own
    return found


_FUNCTIONS: dict[str, Callable[..., float]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "truediv": lambda x, y: x / y,
    "floordiv": lambda x, y: x // y,
    "mod": lambda x, y: x % y,
    "pow": _power,
    "neg": lambda x: -x,
    "abs": abs,
    "float": float,
    "max": max,
    "min": min,
    "round": round,
}
MATHEMATICAL = (
    *("sqrt", "exp", "log", "log2", "log10"),
    *("cos", "cosh", "sin", "sinh", "tan", "tanh", "asin", "acos", "atan"),
    *("asinh", "acosh", "atanh", "log1p", "expm1", "exp2", "erf", "erfc", "lgamma", "gamma"),
)
for _name in MATHEMATICAL:
    _FUNCTIONS[_name] = getattr(math, _name)

ROUNDINGS: dict[str, Callable[[float], int]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "trunc": math.trunc,
    "round": round,
}


# What is an integer of integers.
_OF_INTEGERS = ("add", "sub", "mul", "floordiv", "mod", "pow", "neg", "abs", "max", "min", "round")


@dataclass(frozen=True)
class FloatExpr:
    """An operation by its Python name, on expressions, floats and other operations.

    A "symbol" has a ``name`` instead of arguments: a float that the program gets as an argument or
    reads from a tensor. ``is_mixed``: for some sizes Python has an integer there, as
    ``min(n / 2, 3)`` is one.
    """

    op: str
    args: tuple[Real, ...]
    name: str = ""
    is_mixed: bool = field(default=False, compare=False)

    def may_be_integer(self) -> bool:
        """Whether Python may have an integer in its place."""
        if self.is_mixed:
            return True
        if self.op not in _OF_INTEGERS or any(map(_is_fraction, self.args)):
            return False
        return any(isinstance(arg, FloatExpr) and arg.may_be_integer() for arg in self.args)

    def evaluate(self, values: Values) -> float:
        """The value, computed as Python does.

        Raises:
            KeyError: a symbol without a value.
        """
        if self.op == "symbol":
            return float(values[self.name])
        found = _FUNCTIONS[self.op](*(float_value(arg, values) for arg in self.args))
        return float(found)

    def symbols(self) -> list[str]:
        """Names of all symbols."""
        if self.op == "symbol":
            return [self.name]
        found: list[str] = []
        for arg in self.args:
            if isinstance(arg, FloatExpr):
                found += arg.symbols()
            elif isinstance(arg, Expr):
                found += [atom.name for atom in arg.symbols()]
        return list(dict.fromkeys(found))

    def __str__(self) -> str:
        if self.op == "symbol":
            return self.name
        infix = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "**", "mod": "%"}
        if self.op in infix:
            return f"({self.args[0]} {infix[self.op]} {self.args[1]})"
        return f"{self.op}({', '.join(map(str, self.args))})"


Real = int | float | Expr | FloatExpr


def _is_fraction(item: Real) -> bool:
    return isinstance(item, float) and not item.is_integer()


def float_value(item: Real, values: Values) -> float:
    """The value of a float, an integer, an expression or an operation."""
    if isinstance(item, FloatExpr):
        return item.evaluate(values)
    return value_of(item, values) if isinstance(item, Expr) else item


def rational(item: Real) -> tuple[Int, int] | None:
    """``(n, d)`` with ``item == n / d`` exactly, ``d`` a power of two.

    Sums and products of such numbers are computed by floats without rounding, as long as they stay
    under 2**53: sizes do.
    """
    if isinstance(item, (int, Expr)):
        return item, 1
    if isinstance(item, float):
        if not math.isfinite(item):
            return None
        n, d = item.as_integer_ratio()
        return (n, d) if d <= 1 << 16 and abs(n) < 1 << 32 else None
    if item.op == "float":
        return rational(item.args[0])
    if item.op in ("add", "sub", "mul"):
        left, right = rational(item.args[0]), rational(item.args[1])
        if left is None or right is None or left[1] * right[1] > 1 << 20:
            return None
        (a, b), (c, d) = left, right
        if item.op == "mul":
            return a * c, b * d
        return (a * d + c * b if item.op == "add" else a * d - c * b), b * d
    if item.op in ("floordiv", "mod"):
        return _floor_or_rest(item)
    if item.op == "neg":
        inner = rational(item.args[0])
        return None if inner is None else (-inner[0], inner[1])
    if item.op == "truediv" and isinstance(item.args[1], (int, float)):
        left, right = rational(item.args[0]), rational(item.args[1])
        if left is not None and right is not None and isinstance(right[0], int):
            k = right[0]
            if k > 0 and k & (k - 1) == 0:
                return left[0] * right[1], left[1] * k
    return None


def scaled_size(item: Real) -> Expr | None:
    """The expression that ``item`` is made of with one number after the other.

    No two sizes give one number then: a multiple, a part, a sum, or a number divided by it.
    """
    while isinstance(item, FloatExpr):
        sizes = [arg for arg in item.args if not isinstance(arg, (int, float))]
        is_scaled = item.op in ("mul", "truediv") and 0 not in item.args
        if len(sizes) != 1 or not (is_scaled or item.op in ("float", "add", "sub")):
            return None
        item = sizes[0]
    return item if isinstance(item, Expr) else None


def _floor_or_rest(item: FloatExpr) -> tuple[Int, int] | None:
    """``x // y`` and ``x % y`` of floats: exact where both are."""
    left, right = rational(item.args[0]), rational(item.args[1])
    if left is None or right is None or left[1] * right[1] > 1 << 20 or right[0] == 0:
        return None
    n, m = left[0] * right[1], right[0] * left[1]
    return (n // m, 1) if item.op == "floordiv" else (n % m, left[1] * right[1])


def to_integer(scope: Scope, how: str, item: Real) -> Int | None:
    """``floor``, ``ceil``, ``trunc`` or ``round`` (half to even) of a float, where it is exact."""
    ratio = rational(item)
    if ratio is None and isinstance(item, FloatExpr) and item.op == "truediv":
        left, right = rational(item.args[0]), rational(item.args[1])
        # The quotient of two integers is rounded once, which never carries it over an integer.
        if left is not None and right is not None and isinstance(right[0], int) and right[0]:
            ratio = (left[0] * right[1], left[1] * right[0])
        elif left is not None and right is not None and isinstance(right[0], Expr):
            return _by_expression(scope, how, left[0] * right[1], right[0] * left[1])
    if ratio is None:
        return _of_root(scope, how, item)
    n, d = ratio
    if d < 0:
        n, d = -n, -d
    if how == "floor":
        return scope.floordiv(n, d)
    if how == "ceil":
        return scope.ceildiv(n, d)
    return scope.truncdiv(n, d) if how == "trunc" else scope.rounddiv(n, d)


def _by_expression(scope: Scope, how: str, n: Int, m: Int) -> Int | None:
    if how == "ceil":
        return -scope.floordiv(-n, m)
    if how == "floor":
        return scope.floordiv(n, m)
    return scope.floordiv(n, m) if how == "trunc" and _same_sign(n, m) else None


def _same_sign(n: Int, m: Int) -> bool:
    lows = [interval(n)[0], interval(m)[0]]
    return all(lo is not None and lo >= 0 for lo in lows)


def _of_root(scope: Scope, how: str, item: Real) -> Int | None:
    """The floor of ``sqrt(n)``: exact for ``n < 2**52``, where floats cannot reach an integer."""
    if not isinstance(item, FloatExpr) or how not in ("floor", "trunc"):
        return None
    is_root = item.op == "sqrt" or (item.op == "pow" and item.args[1] == 0.5)
    if not is_root:
        return None
    inner = rational(item.args[0])
    if inner is None or inner[1] != 1:
        return None
    return scope.isqrt(inner[0])


def is_never_negative(item: Real) -> bool:
    """Whether a float is at least 0, by its operations."""
    if isinstance(item, (int, float)):
        return item >= 0
    if isinstance(item, Expr):
        lo = interval(item)[0]
        return lo is not None and lo >= 0
    if item.op in ("sqrt", "abs", "exp"):
        return True
    if item.op in ("add", "mul", "truediv", "float", "min", "floordiv"):
        return all(is_never_negative(arg) for arg in item.args)
    return item.op == "max" and any(is_never_negative(arg) for arg in item.args)
