"""Sizes as they are written in files: sympy's text, read without running any of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce
from typing import Any

from monograph.diagnostics import FileError
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr, to_integer
from monograph.shapes.questions import All, CompareFloats, Some, both, equal, negated, not_less
from monograph.shapes.scope import Scope

__all__ = ["Reader"]

_MOST_TEXT = 100_000
_FLOATS = {"IntTrueDiv": "truediv", "FloatTrueDiv": "truediv", "FloatPow": "pow",
           "ToFloat": "float"}  # fmt: skip
_ROUNDINGS = {"FloorToInt": "floor", "CeilToInt": "ceil", "TruncToInt": "trunc",
              "RoundToInt": "round"}  # fmt: skip
_SIGNS = {
    "Equality": "eq", "Eq": "eq", "Unequality": "ne", "Ne": "ne", "GreaterThan": "ge", "Ge": "ge",
    "LessThan": "le", "Le": "le", "StrictGreaterThan": "gt", "Gt": "gt", "StrictLessThan": "lt",
    "Lt": "lt",
}  # fmt: skip
_COMPARISONS = {ast.Eq: "eq", ast.NotEq: "ne", ast.GtE: "ge", ast.LtE: "le", ast.Gt: "gt",
                ast.Lt: "lt"}  # fmt: skip
_BINARY = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.FloorDiv: "FloorDiv",
           ast.Mod: "Mod", ast.Pow: "Pow", ast.Div: "IntTrueDiv"}  # fmt: skip


class Reader:
    """Reads expressions; ``symbol`` gives what a name stands for."""

    def __init__(self, scope: Scope, symbol: Callable[[str], Any]) -> None:
        self.scope = scope
        self.symbol = symbol
        self._known: dict[str, Any] = {}

    def read(self, text: Any) -> Any:
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

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            return _small(node.value)
        if isinstance(node, ast.Name):
            return {"true": True, "false": False}.get(node.id) or (
                False if node.id == "false" else self.symbol(node.id)
            )
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

    def _function(self, name: str, args: list[ast.expr]) -> Any:
        if name in ("Symbol", "Integer", "Float"):
            (given,) = args[:1]
            value = ast.literal_eval(given)
            if name == "Symbol":
                return self.symbol(str(value))
            return float(value) if name == "Float" else _small(int(value))
        return self._call(name, [self._value(arg) for arg in args])

    def _call(self, name: str, args: list[Any]) -> Any:
        if any(isinstance(arg, (float, FloatExpr)) for arg in args) or name in _FLOATS:
            return self._float(name, args)
        if name in ("Add", "Mul", "Max", "Min"):
            join: Any = {"Add": lambda a, b: a + b, "Mul": _times, "Max": self._maximum,
                         "Min": self._minimum}[name]  # fmt: skip
            return reduce(join, args)
        if name in ("And", "Or"):
            if name == "And":
                return reduce(both, args)
            return Some(tuple(args))
        if name == "Not":
            return negated(args[0])
        if name in _SIGNS:
            return _compare(_SIGNS[name], *args)
        left, right = (*args, None)[:2]
        if name == "Sub":
            return left - right
        if name in ("FloorDiv", "CleanDiv"):
            return self.scope.floordiv(left, right)
        if name == "CeilDiv":
            return self.scope.ceildiv(left, right)
        if name in ("Mod", "PythonMod"):
            return self.scope.mod(left, right)
        if name in ("Pow", "PowByNatural") and (not isinstance(right, int) or right >= 0):
            if isinstance(right, int) and right > 64:
                raise ValueError
            return self.scope.power(left, right)
        if name == "Abs":
            return self.scope.absolute(left)
        raise FileError(f"sizes that are computed with {name} are not known here", code="MG-F102")

    def _maximum(self, left: Any, right: Any) -> Any:
        return max(left, right) if _plain(left, right) else self.scope.maximum(left, right)

    def _minimum(self, left: Any, right: Any) -> Any:
        return min(left, right) if _plain(left, right) else self.scope.minimum(left, right)

    def _float(self, name: str, args: list[Any]) -> Any:
        if name in _ROUNDINGS:
            root = args[0]
            is_root = isinstance(root, FloatExpr) and root.op == "sqrt"
            if is_root and _ROUNDINGS[name] in ("floor", "trunc"):
                inside = root.args[0]
                plain = inside.args[0] if isinstance(inside, FloatExpr) else inside
                return self.scope.isqrt(plain)
            found = to_integer(self.scope, _ROUNDINGS[name], root)
            if found is None:
                raise FileError(f"a size is a rounded number: {root}", code="MG-F102")
            return found
        if name in _SIGNS:
            return CompareFloats(_SIGNS[name], *args)
        names = {"Add": "add", "Sub": "sub", "Mul": "mul", "Max": "max", "Min": "min", **_FLOATS}
        if name.startswith("OpaqueUnaryFn_"):
            return FloatExpr(name.removeprefix("OpaqueUnaryFn_"), tuple(args))
        if name not in names:
            raise FileError(f"numbers that are computed with {name} are not known", code="MG-F102")
        if len(args) < 3:
            return FloatExpr(names[name], tuple(args))
        return reduce(lambda a, b: FloatExpr(names[name], (a, b)), args)


def _small(number: Any) -> Any:
    """A number that fits in 64 bits."""
    if isinstance(number, int) and abs(number) >= 1 << 62:
        raise ValueError
    return number


def _plain(*items: Any) -> bool:
    return all(isinstance(item, int) for item in items)


def _times(left: Any, right: Any) -> Any:
    if isinstance(left, (FloatExpr, float)) or isinstance(right, (FloatExpr, float)):
        return FloatExpr("mul", (left, right))
    return left * right


def _compare(sign: str, left: Any, right: Any) -> Any:
    if isinstance(left, (float, FloatExpr)) or isinstance(right, (float, FloatExpr)):
        return CompareFloats(sign, left, right)
    if not isinstance(left, (int, Expr)) or not isinstance(right, (int, Expr)):
        is_same = sign == "eq"  # a truth compared with true or false
        if isinstance(right, bool):
            return left if right == is_same else negated(left)
        return All((left, right))
    if sign in ("eq", "ne"):
        return equal(left, right, is_equal=sign == "eq")
    if sign in ("ge", "le"):
        return not_less(left, right) if sign == "ge" else not_less(right, left)
    return not_less(left, right + 1) if sign == "gt" else not_less(right, left + 1)
