"""Sizes as torch sees them: the nodes under ``torch.SymInt``, ``SymFloat`` and ``SymBool``.

Torch asks a node for arithmetic, for comparisons, and for plain numbers and truth values. The first two make new
expressions; the last is where a question goes to the environment. Method names are torch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int
from monograph.shapes.floats import FloatExpr, is_never_negative, rational, to_integer
from monograph.shapes.questions import (
    CompareFloats,
    Test,
    both,
    either,
    equal,
    negated,
    not_less,
    text_of,
)
from monograph.shapes.text import format_expr

__all__ = ["BoolNode", "FloatNode", "IntNode", "expression_of", "in_normal_form", "symbolic"]


def symbolic(env: ShapeEnv, item: Any) -> Any:
    """What the program gets for ``item``: a number, or a SymInt, SymFloat or SymBool."""
    if isinstance(item, Expr):
        if item.wrap is None:
            item.wrap = torch.SymInt(IntNode(env, item))
        return item.wrap
    if isinstance(item, FloatExpr):
        return torch.SymFloat(FloatNode(env, item))
    return item


def expression_of(item: Any) -> Any:
    """The expression under a SymInt, SymFloat or SymBool; other things as they are."""
    if isinstance(item, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        node = item.node
        return node.content if isinstance(node, _Node) else _plain(node)
    return item


def in_normal_form(item: Any) -> str:
    """A SymInt, SymFloat or SymBool as text, under the equalities that are known by now."""
    content = expression_of(item)
    if isinstance(content, Expr):
        return format_expr(content.scope.normal(content))
    return str(item)


def _plain(node: Any) -> Any:
    """The constant under a node that torch has made itself."""
    for method in ("maybe_as_int", "maybe_as_float", "maybe_as_bool"):
        found = getattr(node, method, lambda: None)()
        if found is not None:
            return found
    return node


class _Node:
    """What the three kinds share. ``content`` is an expression, or a number."""

    __slots__ = ("content", "env")
    kind: type

    def __init__(self, env: ShapeEnv, content: Any) -> None:
        self.env = env
        self.content = content

    # What torch asks of any node.
    def is_int(self) -> bool:
        return self.kind is int

    def is_float(self) -> bool:
        return self.kind is float

    def is_bool(self) -> bool:
        return self.kind is bool

    def is_nested_int(self) -> bool:
        return False

    def nested_int(self) -> None:
        return None

    def is_constant(self) -> bool:
        return isinstance(self.content, (int, float))

    def is_symbolic(self) -> bool:
        return not self.is_constant()

    @property
    def constant(self) -> Any:
        return self.content if self.is_constant() else None

    @property
    def pytype(self) -> type:
        return self.kind

    @property
    def expr(self) -> Any:
        return _Sympyish(self.env, self.content)

    _expr = expr

    @property
    def shape_env(self) -> Any:
        return facade(self.env)

    @property
    def hint(self) -> Any:
        return self.require_hint(None)

    @property
    def fx_node(self) -> None:
        return None

    def has_hint(self) -> bool:
        return self._hint is not None

    @property
    def _hint(self) -> Any:
        return self.env.hint(self.content)

    def require_hint(self, fallback: Any = None) -> Any:
        found = self._hint
        return fallback if found is None else found

    def maybe_as_int(self) -> int | None:
        return self.content if self.kind is int and self.is_constant() else None

    def maybe_as_float(self) -> float | None:
        return self.content if self.kind is float and self.is_constant() else None

    def maybe_as_bool(self) -> bool | None:
        return self.content if self.kind is bool and self.is_constant() else None

    def wrap_int(self, number: int) -> IntNode:
        return IntNode(self.env, int(number))

    def wrap_float(self, number: float) -> FloatNode:
        return FloatNode(self.env, float(number))

    def wrap_bool(self, truth: bool) -> BoolNode:
        return BoolNode(self.env, bool(truth))

    def clone(self) -> _Node:
        return self

    def str(self) -> str:
        return self.__str__()

    def __str__(self) -> str:
        return format_expr(self.content) if isinstance(self.content, Expr) else f"{self.content}"

    _graph_repr = __repr__ = __str__


class IntNode(_Node):
    """Under ``torch.SymInt``."""

    __slots__ = ()
    kind = int
    content: Int

    def _int(self, content: Int) -> IntNode:
        return IntNode(self.env, content)

    def _float(self, op: str, *args: Any) -> FloatNode:
        return FloatNode(self.env, FloatExpr(op, args))

    def add(self, other: IntNode) -> IntNode:
        return self._int(self.content + other.content)

    def sub(self, other: IntNode) -> IntNode:
        return self._int(self.content - other.content)

    def mul(self, other: IntNode) -> IntNode:
        return self._int(self.content * other.content)

    def neg(self) -> IntNode:
        return self._int(-self.content)

    def pos(self) -> IntNode:
        return self

    def abs(self) -> IntNode:
        return self._int(self.env.scope.absolute(self.content))

    def _divisor(self, other: IntNode) -> Int:
        """``other``, which must not be zero: eager mode raises an error then."""
        if isinstance(other.content, Expr):
            is_nonzero = equal(other.content, 0, is_equal=False)
            if not self.env.require(is_nonzero, "integer division or modulo by zero"):
                raise ZeroDivisionError("integer division or modulo by zero")
        return other.content

    def int_floordiv(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.floordiv(self.content, self._divisor(other)))

    floordiv = int_floordiv

    def mod(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.mod(self.content, self._divisor(other)))

    def int_truediv(self, other: IntNode) -> FloatNode:
        return self._float("truediv", self.content, self._divisor(other))

    truediv = int_truediv

    def pow_by_natural(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.power(self.content, other.content))

    def pow(self, other: IntNode) -> IntNode:
        return self.pow_by_natural(other)

    def lshift(self, other: IntNode) -> IntNode:
        return self._int(self.content * self.env.scope.power(2, other.content))

    def rshift(self, other: IntNode) -> IntNode:
        scope = self.env.scope
        return self._int(scope.floordiv(self.content, scope.power(2, other.content)))

    def _bitwise(self, name: str, other: IntNode) -> IntNode:
        functions: dict[str, Callable[[int, int], int]] = {
            "bitwise_and": lambda x, y: x & y,
            "bitwise_or": lambda x, y: x | y,
            "bitwise_xor": lambda x, y: x ^ y,
        }
        is_natural = all(is_never_negative(n.content) for n in (self, other))
        args = (self.content, other.content)
        lo = 0 if is_natural else None
        return self._int(self.env.scope.opaque(name, args, functions[name], lo))

    def bitwise_and(self, other: IntNode) -> IntNode:
        return self._bitwise("bitwise_and", other)

    def bitwise_or(self, other: IntNode) -> IntNode:
        return self._bitwise("bitwise_or", other)

    def bitwise_xor(self, other: IntNode) -> IntNode:
        return self._bitwise("bitwise_xor", other)

    and_, or_ = bitwise_and, bitwise_or

    def sym_max(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.maximum(self.content, other.content))

    def sym_min(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.minimum(self.content, other.content))

    def sym_sum(self, args: list[IntNode]) -> IntNode:
        total: Int = 0
        for arg in args:
            total = total + arg.content
        return self._int(total)

    def sym_float(self) -> FloatNode:
        return self._float("float", self.content)

    def sym_int(self) -> IntNode:
        return self

    floor = ceil = trunc = sym_int

    def round(self, ndigits: int | None = None) -> IntNode:
        if ndigits is None or ndigits >= 0:
            return self
        step = 10**-ndigits
        return self._int(self.env.scope.rounddiv(self.content, step) * step)

    def is_integer(self) -> BoolNode:
        return BoolNode(self.env, True)

    def _test(self, test: Test) -> BoolNode:
        return BoolNode(self.env, test)

    def eq(self, other: IntNode) -> BoolNode:
        return self._test(equal(self.content, other.content))

    def ne(self, other: IntNode) -> BoolNode:
        return self._test(equal(self.content, other.content, is_equal=False))

    def ge(self, other: IntNode) -> BoolNode:
        return self._test(not_less(self.content, other.content))

    def le(self, other: IntNode) -> BoolNode:
        return self._test(not_less(other.content, self.content))

    def gt(self, other: IntNode) -> BoolNode:
        return self._test(not_less(self.content, other.content + 1))

    def lt(self, other: IntNode) -> BoolNode:
        return self._test(not_less(other.content, self.content + 1))

    def int_(self) -> int:
        return self.guard_int("", 0)

    def guard_int(self, file: str, line: int) -> int:
        return self.env.fix(self.content, "Python needs this number itself")

    def evaluate(self, size_oblivious: bool = False) -> int:
        return self.guard_int("", 0)

    # Layouts. ``sizes`` and ``strides`` are nodes.
    def is_contiguous(self, sizes: list[IntNode], strides: list[IntNode]) -> BoolNode:
        return self._ordered(sizes, strides, list(range(len(sizes)))[::-1])

    def is_channels_last_contiguous_2d(self, sizes: Any, strides: Any) -> BoolNode:
        return self._ordered(sizes, strides, [1, 3, 2, 0])

    def is_channels_last_contiguous_3d(self, sizes: Any, strides: Any) -> BoolNode:
        return self._ordered(sizes, strides, [1, 4, 3, 2, 0])

    is_channels_last_strides_2d = is_channels_last_contiguous_2d
    is_channels_last_strides_3d = is_channels_last_contiguous_3d

    def _ordered(self, sizes: Any, strides: Any, order: list[int]) -> BoolNode:
        if len(order) != len(sizes):
            return self._test(False)
        expected: Int = 1
        for i in order:
            size, stride = sizes[i].content, strides[i].content
            if size == 1:
                continue
            if self.env.known(equal(stride, expected)) is not True:
                return self._test(False)
            expected = expected * size
        return self._test(True)

    def is_non_overlapping_and_dense(self, sizes: Any, strides: Any) -> BoolNode:
        pairs = [(s.content, t.content) for s, t in zip(sizes, strides, strict=True)]
        left = [(size, stride) for size, stride in pairs if size != 1]
        expected: Int = 1
        while left:
            match = next((p for p in left if self.env.known(equal(p[1], expected)) is True), None)
            if match is None:
                return self._test(False)
            left.remove(match)
            expected = expected * match[0]
        return self._test(True)

    def is_non_overlapping_and_dense_indicator(self, sizes: Any, strides: Any) -> IntNode:
        return self._int(int(self.is_non_overlapping_and_dense(sizes, strides).content is True))


class FloatNode(_Node):
    """Under ``torch.SymFloat``."""

    __slots__ = ()
    kind = float

    def _operation(self, op: str, *others: FloatNode) -> FloatNode:
        args = (self.content, *(other.content for other in others))
        if all(isinstance(arg, (int, float)) for arg in args):
            return FloatNode(self.env, FloatExpr(op, args).evaluate({}))
        return FloatNode(self.env, FloatExpr(op, args))

    def add(self, other: FloatNode) -> FloatNode:
        return self._operation("add", other)

    def sub(self, other: FloatNode) -> FloatNode:
        return self._operation("sub", other)

    def mul(self, other: FloatNode) -> FloatNode:
        return self._operation("mul", other)

    def truediv(self, other: FloatNode) -> FloatNode:
        return self._operation("truediv", other)

    float_truediv = truediv

    def floordiv(self, other: FloatNode) -> FloatNode:
        return self._operation("floordiv", other)

    def mod(self, other: FloatNode) -> FloatNode:
        return self._operation("mod", other)

    def pow(self, other: FloatNode) -> FloatNode:
        return self._operation("pow", other)

    float_pow = pow

    def neg(self) -> FloatNode:
        return self._operation("neg")

    def pos(self) -> FloatNode:
        return self

    def abs(self) -> FloatNode:
        return self._operation("abs")

    def sym_max(self, other: FloatNode) -> FloatNode:
        return self._operation("max", other)

    def sym_min(self, other: FloatNode) -> FloatNode:
        return self._operation("min", other)

    def sym_float(self) -> FloatNode:
        return self

    def _to_integer(self, how: str) -> IntNode:
        env = self.env
        found = to_integer(env.scope, how, self.content)
        if found is None:
            value = env.hint(self.content)
            functions = {
                "floor": math.floor,
                "ceil": math.ceil,
                "trunc": math.trunc,
                "round": round,
            }
            hint = None if value is None else functions[how](value)
            lo = 0 if is_never_negative(self.content) else None
            found = env.derived((how, self.content), "z", hint, lo, f"{how}({self.content})")
        return IntNode(env, found)

    def floor(self) -> IntNode:
        return self._to_integer("floor")

    def ceil(self) -> IntNode:
        return self._to_integer("ceil")

    def trunc(self) -> IntNode:
        return self._to_integer("trunc")

    sym_int = trunc

    def round(self, ndigits: int | None = None) -> IntNode | FloatNode:
        if ndigits is None:
            return self._to_integer("round")
        return FloatNode(self.env, FloatExpr("round", (self.content, ndigits)))

    def is_integer(self) -> BoolNode:
        found = rational(self.content)
        if found is None:
            return BoolNode(
                self.env, CompareFloats("eq", FloatExpr("mod", (self.content, 1.0)), 0.0)
            )
        return BoolNode(self.env, equal(self.env.scope.mod(*found), 0))

    def _compare(self, op: str, other: FloatNode) -> BoolNode:
        left, right = rational(self.content), rational(other.content)
        env = self.env
        if left is not None and right is not None:
            x, y = IntNode(env, left[0] * right[1]), IntNode(env, right[0] * left[1])
            found: BoolNode = getattr(x, op)(y)
            return found
        return BoolNode(env, CompareFloats(op, self.content, other.content))

    def eq(self, other: FloatNode) -> BoolNode:
        return self._compare("eq", other)

    def ne(self, other: FloatNode) -> BoolNode:
        return self._compare("ne", other)

    def lt(self, other: FloatNode) -> BoolNode:
        return self._compare("lt", other)

    def le(self, other: FloatNode) -> BoolNode:
        return self._compare("le", other)

    def gt(self, other: FloatNode) -> BoolNode:
        return self._compare("gt", other)

    def ge(self, other: FloatNode) -> BoolNode:
        return self._compare("ge", other)

    def guard_float(self, file: str, line: int) -> float:
        env = self.env
        if isinstance(self.content, float):
            return self.content
        value = env.hint(self.content)
        if value is None:
            env.unknown(self.content)
        test = CompareFloats("eq", self.content, value)
        env.rely_on(test, "fixed", asked=test, answer=True)
        return float(value)

    def evaluate(self, size_oblivious: bool = False) -> float:
        return self.guard_float("", 0)


def _function(name: str) -> Callable[[FloatNode], FloatNode]:
    def apply(self: FloatNode) -> FloatNode:
        return self._operation(name)

    return apply


for _name in ("sqrt", "cos", "cosh", "sin", "sinh", "tan", "tanh", "asin", "acos", "atan", "exp",
              "log", "log2", "log10"):  # fmt: skip
    setattr(FloatNode, f"sym_{_name}", _function(_name))
    setattr(FloatNode, _name, _function(_name))


class BoolNode(_Node):
    """Under ``torch.SymBool``."""

    __slots__ = ()
    kind = bool
    content: Test

    def is_constant(self) -> bool:
        return isinstance(self.content, bool)

    @property
    def _hint(self) -> bool | None:
        return self.env.truth(self.content)

    def __str__(self) -> str:
        return text_of(self.content)

    _graph_repr = __repr__ = __str__

    def sym_and(self, other: BoolNode) -> BoolNode:
        return BoolNode(self.env, both(self.content, other.content))

    def sym_or(self, other: BoolNode) -> BoolNode:
        return BoolNode(self.env, either(self.content, other.content))

    and_, or_ = sym_and, sym_or

    def sym_not(self) -> BoolNode:
        return BoolNode(self.env, negated(self.content))

    def eq(self, other: BoolNode) -> BoolNode:
        same = both(self.content, other.content)
        neither = both(negated(self.content), negated(other.content))
        return BoolNode(self.env, either(same, neither))

    def ne(self, other: BoolNode) -> BoolNode:
        return self.eq(other).sym_not()

    def sym_ite(self, then: Any, otherwise: Any) -> Any:
        return then if self.guard_bool("", 0) else otherwise

    def guard_bool(self, file: str, line: int) -> bool:
        return self.env.decide(self.content)

    def bool_(self) -> bool:
        return self.guard_bool("", 0)

    def evaluate(self, size_oblivious: bool = False) -> bool:
        return self.guard_bool("", 0)

    def expect_true(self, file: str, line: int) -> bool:
        return self.env.require(self.content)

    def statically_known_true(self, file: str, line: int) -> bool:
        return self.env.is_known(self.content)

    def guard_or_false(self, file: str, line: int) -> bool:
        return self.env.is_known(self.content)

    def guard_or_true(self, file: str, line: int) -> bool:
        return self.env.known(self.content) is not False

    guard_size_oblivious = guard_or_false

    def int_(self) -> int:
        return int(self.guard_bool("", 0))


# What torch's own Python code asks of ``node.shape_env`` --------------------------------------


class _Sympyish:
    """What torch's code reads of ``node.expr``, where it expects an expression of sympy."""

    is_Boolean = is_symbol = False

    def __init__(self, env: ShapeEnv, content: Any) -> None:
        self.env = env
        self.content = content
        self.is_number = self.is_constant = isinstance(content, (int, float))

    @property
    def free_symbols(self) -> set[Any]:
        if isinstance(self.content, Expr):
            return {_Sympyish(self.env, self.env.scope.bare(a)) for a in self.content.symbols()}
        return set()

    def __eq__(self, other: object) -> bool:
        return self.content == (other.content if isinstance(other, _Sympyish) else other)

    def __hash__(self) -> int:
        return hash(self.content)

    def __int__(self) -> int:
        return self.env.fix(self.content, "torch needs this number itself")

    def __str__(self) -> str:
        return str(self.content)

    __repr__ = __str__


def _content(item: Any) -> Any:
    return item.content if isinstance(item, _Sympyish) else item


class _Facade:
    """The part of torch's ShapeEnv that its meta functions and fake tensors touch."""

    def __init__(self, env: ShapeEnv) -> None:
        self.env = env
        self.allow_scalar_outputs = self.allow_dynamic_output_shape_ops = False
        self.prefer_deferred_runtime_asserts_over_guards = True
        self.pending_fresh_unbacked_symbols: list[Any] = []
        self.unbacked_renamings: dict[Any, Any] = {}
        self.replacements: dict[Any, Any] = {}
        self.settings = self
        self.specialize_zero_one = False
        self.trace_asserts = False
        self.should_record_events = self._translation_validation_enabled = False
        self.frozen = self.runtime_asserts_frozen = False
        self.tracked_fakes = None
        self.is_recording = False
        self._version_counter = 0
        self.fake_tensor_cache: dict[Any, Any] = {}

    def evaluate_sym_node(
        self, node: Any, size_oblivious: bool = False, fallback_value: bool | None = None
    ) -> Any:
        if fallback_value is not None or size_oblivious:
            known = self.env.known(node.content)
            return bool(fallback_value) if known is None else known
        return node.evaluate()

    def _maybe_evaluate_static(self, content: Any, **options: Any) -> Any:
        content = _content(content)
        if isinstance(content, (int, float)):
            return content
        if isinstance(content, (Expr, FloatExpr)):
            return None
        return self.env.known(content)

    def _fresh(self, name: str, lo: int | None, hi: int | None = None) -> Any:
        env = self.env
        name = env.numbered(name)
        return env.symbol(name, None, name, lo, hi, is_unbacked=True)

    def create_unbacked_symint(self, source: Any = None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", None))  # type: ignore[no-any-return]

    def create_unbacked_symfloat(self) -> torch.SymFloat:
        name = self.env.numbered("zf")
        return symbolic(self.env, self.env.float_symbol(name, None, name))  # type: ignore[no-any-return]

    def create_unbacked_symbool(self) -> torch.SymBool:
        return torch.SymBool(BoolNode(self.env, equal(self._fresh("u", 0, 1), 1)))

    def _constrain_range_for_size(
        self, content: Any, min: int | None = None, max: int | None = None
    ) -> None:
        content = _content(content)
        self.env.assume(not_less(content, min or 0))
        if max is not None:
            self.env.assume(not_less(max, content))

    def constrain_symbol_range(self, content: Any, lo: int, hi: int) -> None:
        content = _content(content)
        self.env.assume(both(not_less(content, lo), not_less(hi, content)))

    def is_unbacked_symint(self, content: Any) -> bool:
        content = _content(content)
        if not isinstance(content, Expr):
            return False
        return any(self.env.symbols[a.name].is_unbacked for a in content.symbols())

    def has_hint(self, content: Any) -> bool:
        return self.env.hint(_content(content)) is not None

    def suppress_guards(self) -> Any:
        import contextlib

        return contextlib.nullcontext()

    ignore_fresh_unbacked_symbols = suppress_guards

    def freeze(self) -> None:
        """Nothing to do."""

    def is_dim_dynamic(self, *args: Any) -> bool:
        return True

    def _update_version_counter(self) -> None:
        """Nothing to do."""


def facade(env: ShapeEnv) -> Any:
    """The one facade of an environment."""
    found = env.scope.interned.get("facade")
    if found is None:
        found = env.scope.interned["facade"] = _Facade(env)
    return found
