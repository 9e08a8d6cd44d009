"""Sizes as they are written in files: sympy's text, read without running any of it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import reduce

from monograph.diagnostics import FileError
from monograph.shapes.expr import Expr, Int, Scope
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import (
    All,
    CompareFloats,
    Some,
    Test,
    both,
    equal,
    negated,
    not_less,
)
from monograph.shapes.symnode import BITWISE, bitwise

__all__ = ["Content", "Reader"]

Number = Int | float | FloatExpr
Content = Number | Test
_MOST_TEXT = 100_000
_OF_BOTH = {"Add": "add", "Sub": "sub", "Mul": "mul", "Max": "max", "Min": "min", "Abs": "abs"}
_FLOATS = {
    "IntTrueDiv": "truediv",
    "FloatTrueDiv": "truediv",
    "FloatPow": "pow",
    "ToFloat": "float",
}
_MATHEMATICAL = "OpaqueUnaryFn_"  # before the name of a function of ``math``
_BITWISE = "BitwiseFn_"
_ROUNDINGS = {
    "FloorToInt": "floor",
    "CeilToInt": "ceil",
    "TruncToInt": "trunc",
    "RoundToInt": "round",
}
_SIGNS = {
    "Equality": "eq", "Eq": "eq", "Unequality": "ne", "Ne": "ne", "GreaterThan": "ge", "Ge": "ge",
    "LessThan": "le", "Le": "le", "StrictGreaterThan": "gt", "Gt": "gt", "StrictLessThan": "lt",
    "Lt": "lt",
}  # fmt: skip
_COMPARISONS = {
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.GtE: "ge",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.Lt: "lt",
}
_BINARY = {
    ast.Add: "Add",
    ast.Sub: "Sub",
    ast.Mult: "Mul",
    ast.FloorDiv: "FloorDiv",
    ast.Mod: "Mod",
    ast.Pow: "Pow",
    ast.Div: "IntTrueDiv",
}


class Reader:
    """Reads expressions; ``symbol`` gives what a name stands for."""

    def __init__(self, scope: Scope, symbol: Callable[[str], Content]) -> None:
        self.scope = scope
        self.symbol = symbol
        self._known: dict[str, Content] = {}

    def read(self, text: object) -> Content:
        """The expression, float expression, test or number that ``text`` says.

        Raises:
            FileError: MG-F101 where it is no expression, MG-F102 where it is one of a kind that
                is not known.
        """
        if not isinstance(text, str) or len(text) > _MOST_TEXT:
            raise FileError(f"an expression of sizes is damaged: {str(text)[:60]!r}")
        if text not in self._known:
            try:
                tree = ast.parse(text, mode="eval").body
                self._known[text] = self._value(tree)
            except FileError:
                raise
            except Exception:
                raise FileError(f"an expression of sizes is damaged: {text[:60]!r}") from None
        return self._known[text]

    def _value(self, node: ast.expr) -> Content:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return _small(node.value)
        if isinstance(node, ast.Name):
            truths = {"true": True, "false": False}
            return truths[node.id] if node.id in truths else self.symbol(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return _times(-1, self._value(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return self._call(
                _BINARY[type(node.op)], [self._value(node.left), self._value(node.right)]
            )
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            sign = _COMPARISONS.get(type(node.ops[0]))
            if sign is not None:
                return _compare(sign, self._value(node.left), self._value(node.comparators[0]))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._function(node.func.id, node.args)
        raise FileError(f"not an expression of sizes: {ast.unparse(node)[:60]!r}")

    def _function(self, name: str, args: list[ast.expr]) -> Content:
        if name in ("Symbol", "Integer", "Float"):
            (given,) = args[:1]
            value = ast.literal_eval(given)
            if name == "Symbol":
                return self.symbol(str(value))
            return float(value) if name == "Float" else _small(int(value))
        return self._call(name, [self._value(arg) for arg in args])

    def _call(self, name: str, args: list[Content]) -> Content:
        is_float = name in _FLOATS or name.startswith(_MATHEMATICAL)
        if is_float or any(isinstance(arg, (float, FloatExpr)) for arg in args):
            return self._float(name, _numbers(args))
        if name in ("And", "Or"):
            tests = _tests(args)
            return reduce(both, tests) if name == "And" else Some(tuple(tests))
        if name == "Not":
            return negated(_tests(args)[0])
        if name in _SIGNS:
            return _compare(_SIGNS[name], *args)
        return self._of_integers(name, args)

    def _of_integers(self, name: str, args: list[Content]) -> Int:
        scope = self.scope
        joins: dict[str, Callable[[Int, Int], Int]] = {
            "Add": lambda left, right: left + right,
            "Mul": lambda left, right: left * right,
            "Max": self._maximum,
            "Min": self._minimum,
        }
        if name in joins:
            return reduce(joins[name], _integers(args))
        if name.removeprefix(_BITWISE) in BITWISE:
            return bitwise(scope, name.removeprefix(_BITWISE), tuple(_integers(args)))
        if name == "Abs":
            return scope.absolute(_integers(args)[0])
        operations: dict[str, Callable[[Int, Int], Int]] = {
            "Sub": lambda left, right: left - right,
            "FloorDiv": scope.floordiv,
            "CleanDiv": scope.floordiv,
            "CeilDiv": scope.ceildiv,
            "Mod": scope.mod,
            "PythonMod": scope.mod,
            "Pow": scope.power,
            "PowByNatural": scope.power,
        }
        unknown = f"sizes that are computed with {name} are not known here"
        if name not in operations:
            raise FileError(unknown, code="MG-F102")
        left, right = _integers(args)
        if name.startswith("Pow") and isinstance(right, int):
            if right < 0:
                raise FileError(unknown, code="MG-F102")
            if right > 64:
                raise ValueError
        return operations[name](left, right)

    def _maximum(self, left: Int, right: Int) -> Int:
        if isinstance(left, int) and isinstance(right, int):
            return max(left, right)
        return self.scope.maximum(left, right)

    def _minimum(self, left: Int, right: Int) -> Int:
        if isinstance(left, int) and isinstance(right, int):
            return min(left, right)
        return self.scope.minimum(left, right)

    def _float(self, name: str, args: list[Number]) -> Content:
        if name in _ROUNDINGS:
            found: Int = self.scope.owner.to_integer(_ROUNDINGS[name], args[0])
            return found
        if name in _SIGNS:
            return CompareFloats(_SIGNS[name], *args)
        if name.startswith(_MATHEMATICAL):
            return FloatExpr(name.removeprefix(_MATHEMATICAL), tuple(args))
        names = _OF_BOTH | _FLOATS
        if name not in names:
            raise FileError(f"numbers that are computed with {name} are not known", code="MG-F102")
        if len(args) < 3:
            return FloatExpr(names[name], tuple(args))
        return reduce(lambda a, b: FloatExpr(names[name], (a, b)), args)


def _small(number: int | float) -> int | float:
    """A number that fits in 64 bits."""
    if isinstance(number, int) and abs(number) >= 1 << 62:
        raise ValueError
    return number


def _numbers(args: Sequence[Content]) -> list[Number]:
    found = [arg for arg in args if isinstance(arg, (int, float, Expr, FloatExpr))]
    if len(found) < len(args):
        raise ValueError
    return found


def _integers(args: Sequence[Content]) -> list[Int]:
    found = [arg for arg in args if isinstance(arg, (int, Expr))]
    if len(found) < len(args):
        raise ValueError
    return found


def _tests(args: Sequence[Content]) -> list[Test]:
    found = [arg for arg in args if not isinstance(arg, (float, Expr, FloatExpr))]
    tests = [arg for arg in found if isinstance(arg, bool) or not isinstance(arg, int)]
    if len(tests) < len(args):
        raise ValueError
    return tests


def _times(left: Content, right: Content) -> Number:
    if isinstance(left, (FloatExpr, float)) or isinstance(right, (FloatExpr, float)):
        return FloatExpr("mul", tuple(_numbers((left, right))))
    one, other = _integers((left, right))
    return one * other


def _compare(sign: str, left: Content, right: Content) -> Test:
    if isinstance(left, (float, FloatExpr)) or isinstance(right, (float, FloatExpr)):
        return CompareFloats(sign, *_numbers((left, right)))
    if not isinstance(left, (int, Expr)) or not isinstance(right, (int, Expr)):
        test, other = _tests((left, right))  # a truth compared with true or false
        if isinstance(other, bool):
            return test if other == (sign == "eq") else negated(test)
        return All((test, other))
    if sign in ("eq", "ne"):
        return equal(left, right, is_equal=sign == "eq")
    if sign in ("ge", "le"):
        return not_less(left, right) if sign == "ge" else not_less(right, left)
    return not_less(left, right + 1) if sign == "gt" else not_less(right, left + 1)
