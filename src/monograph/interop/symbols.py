"""Sizes in the terms of torch: sympy expressions over the symbols of a torch ``ShapeEnv``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, overload

import sympy
import torch
from torch.fx.experimental.symbolic_shapes import DimDynamic
from torch.fx.experimental.symbolic_shapes import ShapeEnv as TorchShapeEnv

from monograph.diagnostics import InternalError, InteropError
from monograph.interop.private import (
    ConstantSource,
    FakeTensor,
    FakeTensorMode,
    ValueRanges,
    int_oo,
)
from monograph.interop.private import sympy_functions as sf
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import ShapeEnv, Symbol
from monograph.shapes.expr import Atom, Expr, Int
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import All, Compare, CompareFloats, OneOf, Some, Test
from monograph.shapes.text import Tree, tree_of
from monograph.torch_internals import mark_bits

__all__ = ["TorchSymbols"]

Function = Callable[..., Any]
_INTEGER: dict[str, Function] = {
    "+": sympy.Add, "-": lambda a, b: a - b, "*": sympy.Mul, "//": sf.FloorDiv, "%": sf.Mod,
    "**": sf.PowByNatural, "neg": lambda a: -a, "max": sf.Max, "min": sf.Min,
    # A power: torch's reader bounds each size, and knows no bounds of roots.
    "isqrt": lambda a: sf.FloorToInt(sf.FloatPow(sf.ToFloat(a), sympy.Float(0.5))),
    "bitwise_and": sf.BitwiseFn_bitwise_and, "bitwise_or": sf.BitwiseFn_bitwise_or,
    "bitwise_xor": lambda a, b: sf.BitwiseFn_bitwise_or(a, b) - sf.BitwiseFn_bitwise_and(a, b),
}  # fmt: skip
_FLOAT: dict[str, Function] = {
    "add": sympy.Add, "sub": lambda a, b: a - b, "mul": sympy.Mul,
    "truediv": lambda a, b: (sf.IntTrueDiv if _are_integers(a, b) else sf.FloatTrueDiv)(a, b),
    "pow": sf.FloatPow, "neg": lambda a: -a, "abs": sympy.Abs, "float": sf.ToFloat,
    "max": sf.Max, "min": sf.Min, "round": lambda a, *n: sf.RoundDecimal(a, *(n or (0,))),
    "log10": lambda a: sf.FloatTrueDiv(sf.OpaqueUnaryFn_log(a), sympy.Float(math.log(10))),
    "log1p": lambda a: sf.OpaqueUnaryFn_log(a + 1.0),
    "expm1": lambda a: sf.OpaqueUnaryFn_exp(a) - 1.0,
    "exp2": lambda a: sf.FloatPow(sympy.Float(2.0), a),
}  # fmt: skip
_ROUND: dict[str, Function] = {
    "floor": sf.FloorToInt, "ceil": sf.CeilToInt, "trunc": sf.TruncToInt, "round": sf.RoundToInt,
}  # fmt: skip
_SIGNS = {"lt": sympy.Lt, "le": sympy.Le, "gt": sympy.Gt, "ge": sympy.Ge, "eq": sympy.Eq,
          "ne": sympy.Ne}  # fmt: skip


def _are_integers(*items: object) -> bool:
    return all(sympy.sympify(item).is_integer for item in items)


class TorchSymbols:
    """The symbols of one program, in an environment of torch's.

    ``names`` maps torch's names of symbols to ours.
    """

    def __init__(self, env: ShapeEnv) -> None:
        self.env = env
        self.torch_env = TorchShapeEnv()
        self.mode = FakeTensorMode(shape_env=self.torch_env, allow_non_fake_inputs=True)
        self.ranges: dict[Any, ValueRanges[Any]] = {}
        self.names: dict[str, str] = {}
        self.unbacked: set[Any] = set()
        self._symbols: dict[str, Any] = {}
        self._numbers: dict[Any, Any] = {}

    @overload
    def number(self, item: Int) -> int | torch.SymInt: ...

    @overload
    def number(self, item: object) -> object: ...

    def number(self, item: object) -> object:
        """An expression as an ``int``, a ``SymInt`` and so on, as it is kept in ``meta["val"]``."""
        if not isinstance(item, (Expr, FloatExpr, *_TESTS)):
            return item
        if item not in self._numbers:
            self._numbers[item] = self._number(item)
        return self._numbers[item]

    def _number(self, item: Expr | FloatExpr | Test) -> object:
        found = self.expression(item)
        if isinstance(item, Expr):
            return self.torch_env.create_symintnode(found, hint=self._hint(item, found))
        if isinstance(item, FloatExpr):
            return self.torch_env.create_symfloatnode(found, hint=self._hint(item, found))
        return self.torch_env.create_symboolnode(found)

    def _hint(self, item: Expr | FloatExpr, found: sympy.Basic) -> float | None:
        """The value for the example, which torch would compute otherwise.

        On a side that the example does not take there may be none, as of the root of what is less
        than nothing: any number stands for it there.
        """
        hint = self.env.hint(item)
        is_backed = found.free_symbols and not found.free_symbols & self.unbacked
        if hint is not None or not is_backed:
            return hint
        return 1 if isinstance(item, Expr) else 1.0

    def expression(self, item: object) -> sympy.Basic:
        """An expression, a float expression or a test as sympy's."""
        if isinstance(item, Expr):
            return self._tree(tree_of(self.env.scope.normal(item)))
        if isinstance(item, FloatExpr):
            return self._float(item)
        if isinstance(item, Compare):
            left, right = item.sides()
            return _SIGNS[item.kind](self.expression(left), self.expression(right))
        if isinstance(item, CompareFloats):
            sign = item.op.removeprefix("not ")
            found = _SIGNS[sign](self.expression(item.left), self.expression(item.right))
            return found if sign == item.op else sympy.Not(found)
        if isinstance(item, OneOf):
            found = sympy.Or(*(sympy.Eq(self.expression(item.expr), v) for v in item.values))
            return found if item.is_one else sympy.Not(found)
        if isinstance(item, (All, Some)):
            parts = [self.expression(part) for part in item.parts]
            return (sympy.And if isinstance(item, All) else sympy.Or)(*parts)
        return sympy.sympify(item)

    def _tree(self, tree: Tree) -> sympy.Basic:
        if isinstance(tree, int):
            return sympy.Integer(tree)
        if isinstance(tree, Atom):
            is_long = tree.kind == "long"
            return self.expression(tree.args[0]) if is_long else self._symbol(tree.name)
        if tree.name not in _INTEGER:
            raise _unknown(tree.name)
        return _INTEGER[tree.name](*(self._tree(arg) for arg in tree.args))

    def _float(self, item: FloatExpr) -> sympy.Basic:
        if item.op == "symbol":
            return self._symbol(item.name)
        args = [self.expression(arg) for arg in item.args]
        function = _FLOAT.get(item.op) or getattr(sf, f"OpaqueUnaryFn_{item.op}", None)
        if function is None:
            raise _unknown(item.op)
        return function(*args)

    def _symbol(self, name: str) -> sympy.Basic:
        if name not in self._symbols:
            self._symbols[name] = found = self._new_symbol(name)
            self.names[str(found)] = name
        return self._symbols[name]

    def _new_symbol(self, name: str) -> sympy.Basic:
        symbol = self.env.symbols.get(name)
        definition = self.env.definitions.get(name)
        if definition is not None and isinstance(definition[0], str):
            how, number = definition
            return _ROUND[how](self.expression(number))
        if symbol is None:
            raise _unknown(name)
        env = self.torch_env
        if isinstance(symbol.expr, FloatExpr):
            if symbol.hint is None:
                found = env.create_unbacked_symfloat().node.expr
                env.pending_fresh_unbacked_symbols.clear()
                self.unbacked.add(found)
                return found
            return env.create_unspecified_symbol(
                float(symbol.hint), ConstantSource(name), DimDynamic.DYNAMIC
            )
        if symbol.hint is None:
            found = env.create_unbacked_symint().node.expr
            env.pending_fresh_unbacked_symbols.clear()
            self.unbacked.add(found)
        else:
            found = env.create_symbol(
                symbol.hint, ConstantSource(name), DimDynamic.DYNAMIC, None, positive=None,
                do_not_specialize_zero_one=True,
            )  # fmt: skip
        self.ranges[found] = env.var_to_range[found] = _range(symbol)
        return found

    def tensor(self, spec: TensorSpec) -> torch.Tensor:
        """A fake tensor that looks like ``spec``."""
        shape = tuple(self._size(n) for n in spec.normal().shape)
        strides = tuple(self._size(n) for n in spec.normal().strides)
        # What torch asks of the sizes meanwhile is no matter of the program.
        with torch.no_grad(), self.torch_env.suppress_guards():
            looks = torch.empty_strided(shape, strides, dtype=spec.dtype, device="meta")
        mark_bits(looks, spec.bits)
        return FakeTensor(self.mode, looks, spec.device)  # without a dispatch: 15 us instead of 70

    def _size(self, size: Int) -> int | torch.SymInt:
        """In a branch that the example does not take, a size may be one that no tensor has."""
        found = self.number(size)
        if isinstance(found, torch.SymInt) and found.node.has_hint() and found.node.hint < 0:
            at_least: torch.SymInt = torch.sym_max(found, 0)
            return at_least
        return found


_TESTS = (Compare, CompareFloats, OneOf, All, Some)


def _range(symbol: Symbol) -> ValueRanges[Any]:
    if not isinstance(symbol.expr, Expr):
        raise InternalError(f"the size {symbol.name} is a number, and has no range")
    atom = symbol.expr.atoms()[0]
    return ValueRanges(
        -int_oo if atom.lo is None else atom.lo, int_oo if atom.hi is None else atom.hi
    )


def _unknown(what: str) -> InteropError:
    return InteropError(
        f"torch.export has no word for {what} of sizes",
        hint="compute it with tensors instead: torch.tensor(n) and the operator of the same name.",
    )
