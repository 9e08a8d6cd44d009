"""Sizes as torch sees them: the nodes under ``torch.SymInt``, ``SymFloat`` and ``SymBool``.

Torch asks a node for arithmetic, for comparisons, and for plain numbers and truth values. The
first two make new expressions; the last is where a question goes to the environment. Its own
Python code also looks at ``node.expr`` and ``node.shape_env``. Names are torch's.
"""

from __future__ import annotations

import builtins
import contextlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar, overload

import torch

from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, Int, Scope
from monograph.shapes.floats import (
    MATHEMATICAL,
    FloatExpr,
    Real,
    is_never_negative,
    rational,
    scaled_size,
)
from monograph.shapes.layout import lies_densely, lies_in_order
from monograph.shapes.questions import (
    CompareFloats,
    Test,
    both,
    either,
    equal,
    indicator,
    negated,
    not_less,
    of_remainders,
    text_of,
)
from monograph.shapes.text import format_expr

__all__ = [
    "BITWISE",
    "BoolNode",
    "EqualityNode",
    "Facade",
    "FloatNode",
    "IntNode",
    "Node",
    "Sympyish",
    "as_mixed",
    "bitwise",
    "expression_of",
    "facade",
    "in_normal_form",
    "later",
    "symbolic",
]


T = TypeVar("T")
N = TypeVar("N", bound="Node")


@overload
def symbolic(env: ShapeEnv, item: Expr) -> torch.SymInt: ...


@overload
def symbolic(env: ShapeEnv, item: FloatExpr) -> torch.SymFloat: ...


@overload
def symbolic(env: ShapeEnv, item: int) -> int: ...


@overload
def symbolic(env: ShapeEnv, item: float) -> float: ...


def symbolic(env: ShapeEnv, item: Real) -> float | torch.SymInt | torch.SymFloat:
    """What the program gets for ``item``: a number, or a SymInt or SymFloat."""
    if isinstance(item, Expr):
        if item.wrap is None:
            item.wrap = torch.SymInt(IntNode(env, item))
        return item.wrap
    if isinstance(item, FloatExpr):
        return torch.SymFloat(FloatNode(env, item))
    return item


@overload
def expression_of(item: torch.SymInt) -> Int: ...


@overload
def expression_of(item: torch.SymFloat) -> float | FloatExpr: ...


@overload
def expression_of(item: torch.SymBool) -> Test: ...


@overload
def expression_of(item: T) -> T: ...


def expression_of(item: object) -> object:
    """The expression under a SymInt, SymFloat or SymBool; other things as they are."""
    if isinstance(item, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        node = item.node
        return node.content if isinstance(node, Node) else _plain(node)
    return item


def as_mixed(number: object) -> object:
    """``number`` as one that may be an integer for some sizes."""
    content = expression_of(number)
    if isinstance(number, torch.SymFloat) and isinstance(content, FloatExpr):
        return symbolic(number.node.env, replace(content, is_mixed=True))
    return number


def in_normal_form(item: torch.SymInt | torch.SymFloat | torch.SymBool) -> str:
    """A SymInt, SymFloat or SymBool as text, under the equalities that are known by now."""
    content = expression_of(item)
    if isinstance(content, Expr):
        return format_expr(content.scope.normal(content))
    return str(item)


def _plain(node: object) -> object:
    """The constant under a node that torch has made itself."""
    for method in ("maybe_as_int", "maybe_as_float", "maybe_as_bool"):
        found: object = getattr(node, method, lambda: None)()
        if found is not None:
            return found
    return node


class Node:
    """What the three kinds share. ``content`` is an expression, or a number."""

    __slots__ = ("content", "env")
    kind: type

    content: Real | Test

    def __init__(self, env: ShapeEnv, content: Real | Test) -> None:
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
    def constant(self) -> float | None:
        return self.content if isinstance(self.content, (int, float)) else None

    @property
    def pytype(self) -> type:
        return self.kind

    @property
    def expr(self) -> Sympyish:
        return Sympyish(self.env, self.content)

    _expr = expr

    @property
    def shape_env(self) -> Facade:
        return facade(self.env)

    @property
    def hint(self) -> float | None:
        return self.require_hint(None)

    @property
    def fx_node(self) -> None:
        return None

    def has_hint(self) -> bool:
        return self._hint is not None

    @property
    def _hint(self) -> float | None:
        content = self.content
        if isinstance(content, (int, float, Expr, FloatExpr)):
            return self.env.hint(content)
        return self.env.truth(content)

    def require_hint(self, fallback: float | None = None) -> float | None:
        found = self._hint
        return fallback if found is None else found

    def maybe_as_int(self) -> int | None:
        return self.content if self.kind is int and isinstance(self.content, int) else None

    def maybe_as_float(self) -> float | None:
        return (
            self.content if self.kind is float and isinstance(self.content, (int, float)) else None
        )

    def maybe_as_bool(self) -> bool | None:
        return self.content if self.kind is bool and isinstance(self.content, bool) else None

    def clone(self) -> Node:
        return self

    def with_shape_env(self, env: object) -> Node:
        return self

    def __str__(self) -> builtins.str:
        return format_expr(self.content) if isinstance(self.content, Expr) else f"{self.content}"

    def str(self) -> builtins.str:
        return builtins.str(self)

    def _graph_repr(self) -> builtins.str:
        """What the program's own ``str(n)`` gives."""
        return self.env.listener.on_text(self.content) or builtins.str(self)

    __repr__ = __str__


class _Node(Node):
    """With what makes nodes of plain numbers."""

    __slots__ = ()

    def wrap_int(self, number: int) -> IntNode:
        return IntNode(self.env, int(number))

    def wrap_float(self, number: float) -> FloatNode:
        return FloatNode(self.env, float(number))

    def wrap_bool(self, truth: bool) -> _Node:
        """A truth; among numbers it counts as 1 or 0."""
        return self.wrap_int(truth) if self.kind is int else BoolNode(self.env, bool(truth))


class IntNode(_Node):
    """Under ``torch.SymInt``."""

    __slots__ = ()
    kind = int
    content: Int

    def _int(self, content: Int) -> IntNode:
        return IntNode(self.env, content)

    def _float(self, op: str, *args: Real) -> FloatNode:
        return FloatNode(self.env, FloatExpr(op, args))

    def add(self, other: IntNode) -> IntNode:
        return self._int(self.content + _integer(other))

    def sub(self, other: IntNode) -> IntNode:
        return self._int(self.content - _integer(other))

    def mul(self, other: IntNode) -> IntNode:
        return self._int(self.content * _integer(other))

    def neg(self) -> IntNode:
        return self._int(-self.content)

    def pos(self) -> IntNode:
        return self

    def abs(self) -> IntNode:
        return self._int(self.env.scope.absolute(self.content))

    def _divisor(self, other: IntNode) -> Int:
        """``other``, which must not be zero: eager mode raises an error then."""
        divisor = _integer(other)
        if isinstance(divisor, Expr):
            is_nonzero = equal(divisor, 0, is_equal=False)
            trial = self.env.trial
            if trial is not None and trial.divides_by_zero:
                return divisor if self.env.decide(is_nonzero) else 1
            if not self.env.require(is_nonzero, "integer division or modulo by zero"):
                raise ZeroDivisionError("integer division or modulo by zero")
        return divisor

    def int_floordiv(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.floordiv(self.content, self._divisor(other)))

    floordiv = int_floordiv

    def mod(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.mod(self.content, self._divisor(other)))

    def int_truediv(self, other: IntNode) -> FloatNode:
        return self._float("truediv", self.content, self._divisor(other))

    truediv = int_truediv

    def float_truediv(self, other: IntNode) -> FloatNode:
        return self.sym_float().float_truediv(other.sym_float())  # type: ignore[attr-defined]

    def float_pow(self, other: IntNode) -> FloatNode:
        return self.sym_float().pow(other.sym_float())  # type: ignore[attr-defined]

    def pow_by_natural(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.power(self.content, _integer(other)))

    def pow(self, other: IntNode) -> IntNode:
        return self.pow_by_natural(other)

    def _shift(self, other: IntNode) -> Int:
        """What a shift multiplies, or divides, by."""
        count = _integer(other)
        if not self.env.require(not_less(count, 0), "negative shift count"):
            raise ValueError("negative shift count")
        return self.env.scope.power(2, count)

    def lshift(self, other: IntNode) -> IntNode:
        return self._int(self.content * self._shift(other))

    def rshift(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.floordiv(self.content, self._shift(other)))

    def sym_max(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.maximum(self.content, _integer(other)))

    def sym_min(self, other: IntNode) -> IntNode:
        return self._int(self.env.scope.minimum(self.content, _integer(other)))

    def sym_sum(self, args: list[IntNode]) -> IntNode:
        total: Int = 0
        for arg in args:
            total = total + _integer(arg)
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
        test = of_remainders(test)
        known = self.env.known(test)
        return BoolNode(self.env, test if known is None else known)

    def eq(self, other: IntNode) -> BoolNode:
        return EqualityNode(self.env, self._test(equal(self.content, _integer(other))).content)

    def ne(self, other: IntNode) -> BoolNode:
        test = equal(self.content, _integer(other), is_equal=False)
        return EqualityNode(self.env, self._test(test).content)

    def ge(self, other: IntNode) -> BoolNode:
        return self._test(not_less(self.content, _integer(other)))

    def le(self, other: IntNode) -> BoolNode:
        return self._test(not_less(_integer(other), self.content))

    def gt(self, other: IntNode) -> BoolNode:
        return self._test(not_less(self.content, _integer(other) + 1))

    def lt(self, other: IntNode) -> BoolNode:
        return self._test(not_less(_integer(other), self.content + 1))

    def int_(self) -> int:
        return self.guard_int("", 0)

    def guard_int(self, file: str, line: int) -> int:
        return self.env.fix(self.content, "Python needs this number itself")

    def guard_float(self, file: str, line: int) -> float:
        return float(self.guard_int(file, line))

    def evaluate(self, size_oblivious: bool = False) -> int:
        return self.guard_int("", 0)

    def as_truth(self) -> BoolNode:
        return self.ne(self.wrap_int(0))

    # Layouts.
    def is_contiguous(self, sizes: Nodes, strides: Nodes) -> BoolNode:
        order = list(range(len(sizes)))[::-1]
        return self._test(lies_in_order(self.env, _contents(sizes), _contents(strides), order))

    def is_channels_last_contiguous_2d(self, sizes: Nodes, strides: Nodes) -> BoolNode:
        order = [1, 3, 2, 0]
        return self._test(lies_in_order(self.env, _contents(sizes), _contents(strides), order))

    def is_channels_last_contiguous_3d(self, sizes: Nodes, strides: Nodes) -> BoolNode:
        order = [1, 4, 3, 2, 0]
        return self._test(lies_in_order(self.env, _contents(sizes), _contents(strides), order))

    is_channels_last_strides_2d = is_channels_last_contiguous_2d
    is_channels_last_strides_3d = is_channels_last_contiguous_3d

    def is_non_overlapping_and_dense(self, sizes: Nodes, strides: Nodes) -> BoolNode:
        return self._test(lies_densely(self.env, _contents(sizes), _contents(strides)))

    def is_non_overlapping_and_dense_indicator(self, sizes: Nodes, strides: Nodes) -> IntNode:
        return self._int(int(lies_densely(self.env, _contents(sizes), _contents(strides))))


Nodes = Sequence[IntNode]


def _integer(node: Node) -> Int:
    """The number of an operand: a truth among integers counts as 1 or 0."""
    if isinstance(node, BoolNode):
        return node.as_number().content
    content = node.content
    assert isinstance(content, (int, Expr))
    return content


def _real(node: Node) -> Real:
    content = node.content
    return content if isinstance(content, (float, FloatExpr)) else _integer(node)


BITWISE: dict[str, Callable[[int, int], int]] = {
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
}


def bitwise(scope: Scope, name: str, args: tuple[Int, ...]) -> Int:
    """What ``name``, a key of ``BITWISE``, makes of two integers."""
    lo = 0 if all(map(is_never_negative, args)) else None
    return scope.opaque(name, args, BITWISE[name], lo)


def _bitwise(name: str) -> Callable[[IntNode, IntNode], IntNode]:
    def apply(self: IntNode, other: IntNode) -> IntNode:
        return self._int(bitwise(self.env.scope, name, (self.content, _integer(other))))

    return apply


for _name in BITWISE:
    setattr(IntNode, _name, _bitwise(_name))
IntNode.and_, IntNode.or_ = IntNode.bitwise_and, IntNode.bitwise_or  # type: ignore[attr-defined]


def _contents(nodes: Nodes) -> list[Int]:
    return [node.content for node in nodes]


class _LaterNode(IntNode):
    """A number that is computed when it is asked for."""

    __slots__ = ("_compute",)

    def __init__(self, env: ShapeEnv, compute: Callable[[], Int]) -> None:
        self.env = env
        self._compute = compute

    def __getattr__(self, name: str) -> Int:  # ``content``, as long as it is not there
        if name != "content":
            raise AttributeError(name)
        self.content = self._compute()
        return self.content


def later(env: ShapeEnv, compute: Callable[[], Int]) -> torch.SymInt:
    """A SymInt of what ``compute`` gives, which is called if somebody asks for it."""
    return torch.SymInt(_LaterNode(env, compute))


_SMALLEST = 5e-324


def _may_be_root_of_zero(number: Real, env: ShapeEnv) -> bool:
    """Whether it is a square root, perhaps of zero."""
    if not isinstance(number, FloatExpr) or number.op not in ("sqrt", "pow"):
        return False
    if number.op == "pow" and number.args[1] != 0.5:
        return False
    content = number.args[0]
    while isinstance(content, FloatExpr) and content.op == "float":
        content = content.args[0]
    return not (isinstance(content, Expr) and env.known(not_less(content, 1)))


class FloatNode(_Node):
    """Under ``torch.SymFloat``."""

    __slots__ = ()
    kind = float
    content: float | FloatExpr

    def truediv(self, other: FloatNode) -> FloatNode:
        """As C divides, which asks for this one: a positive number by a root of zero is infinite.

        Python asks for ``float_truediv``.
        """
        number, divisor = self.content, other.content
        is_positive = isinstance(number, float) and number >= 1
        if is_positive and _may_be_root_of_zero(divisor, self.env):
            other = FloatNode(self.env, FloatExpr("max", (divisor, _SMALLEST)))
        return self._operation("truediv", other)

    def _operation(self, op: str, *others: FloatNode) -> FloatNode:
        args = (self.content, *map(_real, others))
        if all(isinstance(arg, (int, float)) for arg in args):
            return FloatNode(self.env, FloatExpr(op, args).evaluate({}))
        return FloatNode(self.env, FloatExpr(op, args))

    def pos(self) -> FloatNode:
        return self

    def sym_float(self) -> FloatNode:
        return self

    def _to_integer(self, how: str) -> IntNode:
        return IntNode(self.env, self.env.to_integer(how, self.content))

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
        content, env = _real(other), self.env
        left, right = rational(self.content), rational(content)
        if left is not None and right is not None:
            x, y = IntNode(env, left[0] * right[1]), IntNode(env, right[0] * left[1])
            found: BoolNode = getattr(x, op)(y)
            return found
        return BoolNode(env, CompareFloats(op, self.content, content))

    def as_truth(self) -> BoolNode:
        return self._compare("ne", self.wrap_float(0.0))

    def int_(self) -> int:
        return self._to_integer("trunc").guard_int("", 0)

    def guard_int(self, file: str, line: int) -> int:
        return self._to_integer("trunc").guard_int(file, line)

    def guard_float(self, file: str, line: int) -> float:
        env = self.env
        if isinstance(self.content, float):
            return self.content
        env.refuse_number("Python needs this number itself")
        value = env.hint(self.content)
        if value is None:
            value = env.listener.unknown(self.content)
        size = scaled_size(self.content)
        number = None if size is None else env.hint(size)
        if size is None or number is None:
            test = self._compare("eq", self.wrap_float(value)).content
        else:
            test = equal(size, number)
        if not isinstance(test, bool):
            env.rely_on(test, "fixed", asked=test, answer=True)
        return float(value)

    def evaluate(self, size_oblivious: bool = False) -> float:
        return self.guard_float("", 0)


def _operation(name: str) -> Callable[..., FloatNode]:
    def apply(self: FloatNode, *others: FloatNode) -> FloatNode:
        return self._operation(name, *others)

    return apply


def _comparison(name: str) -> Callable[[FloatNode, FloatNode], BoolNode]:
    def compare(self: FloatNode, other: FloatNode) -> BoolNode:
        return self._compare(name, other)

    return compare


_ALIASES = [
    ("max", "sym_max"), ("min", "sym_min"), ("truediv", "float_truediv"), ("pow", "float_pow"),
    ("truediv", "int_truediv"), ("floordiv", "int_floordiv"), ("pow", "pow_by_natural"),
]  # fmt: skip
for _name in MATHEMATICAL:
    setattr(FloatNode, f"sym_{_name}", _operation(_name))
    setattr(FloatNode, _name, _operation(_name))
for _name in ("add", "sub", "mul", "floordiv", "mod", "pow", "neg", "abs"):
    setattr(FloatNode, _name, _operation(_name))
for _name, _alias in _ALIASES:
    setattr(FloatNode, _alias, _operation(_name))
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(FloatNode, _name, _comparison(_name))


class BoolNode(_Node):
    """Under ``torch.SymBool``."""

    __slots__ = ()
    kind = bool
    content: Test

    def is_constant(self) -> bool:
        return False  # a truth that holds for all sizes is one about sizes all the same

    def as_number(self) -> IntNode:
        found = indicator(self.content)
        return IntNode(self.env, self.int_() if found is None else found)

    def __str__(self) -> str:
        return text_of(self.content)

    __repr__ = __str__

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

    def sym_ite(self, then: N, otherwise: N) -> N:
        return then if self.guard_bool("", 0) else otherwise

    def guard_bool(self, file: str, line: int) -> bool:
        return self.env.decide_for_python(self.content)

    def bool_(self) -> bool:
        return self.guard_bool("", 0)

    def evaluate(self, size_oblivious: bool = False) -> bool:
        return self.guard_bool("", 0)

    def expect_true(self, file: str, line: int) -> bool:
        return self.env.require(self.content)

    def statically_known_true(self, file: str, line: int) -> bool:
        return self.env.is_known(self.content)

    def guard_or_false(self, file: str, line: int) -> bool:
        return self.env.probably(self.content, False)

    def guard_or_true(self, file: str, line: int) -> bool:
        return self.env.probably(self.content, True)

    guard_size_oblivious = guard_or_false

    def int_(self) -> int:
        return int(self.guard_bool("", 0))

    def guard_int(self, file: str, line: int) -> int:
        return self.int_()

    def guard_float(self, file: str, line: int) -> float:
        return float(self.int_())


class EqualityNode(BoolNode):
    """A truth that was asked for as an equality of sizes, whatever it has become."""

    __slots__ = ()

    def guard_or_false(self, file: str, line: int) -> bool:
        return self.env.probably_equal(self.content, False)

    def guard_or_true(self, file: str, line: int) -> bool:
        return self.env.probably_equal(self.content, True)

    guard_size_oblivious = guard_or_false


# What torch asks of a node of another kind: the number is a truth, the truth a number ------------

_OF_TRUTHS = (
    "sym_and", "sym_or", "sym_not", "sym_ite", "bool_", "guard_bool", "expect_true",
    "statically_known_true", "guard_or_false", "guard_or_true", "guard_size_oblivious",
)  # fmt: skip
_OF_NUMBERS = (
    "add", "sub", "mul", "truediv", "float_truediv", "int_truediv", "floordiv", "int_floordiv",
    "mod", "pow", "float_pow", "pow_by_natural", "lshift", "rshift", "sym_max", "sym_min", "ge",
    "gt", "le", "lt", "neg", "pos", "abs", "ceil", "floor", "trunc", "round", "is_integer",
    "sym_int", "sym_float",
)  # fmt: skip


def _asked_of(other_kind: str, name: str) -> Callable[..., object]:
    def ask(self: Node, *args: object) -> object:
        others = [
            getattr(arg, other_kind)() if hasattr(arg, other_kind) and name != "sym_ite" else arg
            for arg in args
        ]
        return getattr(getattr(self, other_kind)(), name)(*others)

    return ask


for _name in _OF_TRUTHS:
    setattr(IntNode, _name, _asked_of("as_truth", _name))
    setattr(FloatNode, _name, _asked_of("as_truth", _name))
for _name in _OF_NUMBERS:
    setattr(BoolNode, _name, _asked_of("as_number", _name))
for _name in MATHEMATICAL:
    setattr(IntNode, f"sym_{_name}", _asked_of("sym_float", f"sym_{_name}"))
    setattr(BoolNode, f"sym_{_name}", _asked_of("as_number", f"sym_{_name}"))


# What torch's own Python code reads of a node -------------------------------------------------

Content = Real | Test


class Sympyish:
    """What torch's code reads of ``node.expr``, where it expects an expression of sympy."""

    is_Boolean = is_symbol = False

    def __init__(self, env: ShapeEnv, content: Content) -> None:
        self.env = env
        self.content = content
        self.is_number = self.is_constant = isinstance(content, (int, float))

    @property
    def free_symbols(self) -> set[object]:
        return set()  # torch looks for symbols of sympy here, to tell kinds of them apart

    def __eq__(self, other: object) -> bool:
        return self.content == (other.content if isinstance(other, Sympyish) else other)

    def __hash__(self) -> int:
        return hash(self.content)

    def __int__(self) -> int:
        content = self.content
        if isinstance(content, (int, Expr)):
            return self.env.fix(content, "torch needs this number itself")
        raise TypeError(f"{content} is no integer")

    def __str__(self) -> str:
        return str(self.content)

    __repr__ = __str__


def _content(item: Content | Sympyish) -> Content:
    return item.content if isinstance(item, Sympyish) else item


def _size(item: Int | Sympyish) -> Int:
    content = _content(item)
    if isinstance(content, (int, Expr)):
        return content
    raise TypeError(f"{content} is no integer")


class Facade:
    """The part of torch's ShapeEnv that its meta functions and fake tensors touch."""

    def __init__(self, env: ShapeEnv) -> None:
        self.env = env
        self.allow_scalar_outputs = self.allow_dynamic_output_shape_ops = False
        self.prefer_deferred_runtime_asserts_over_guards = True
        self.pending_fresh_unbacked_symbols: list[object] = []
        self.unbacked_renamings: dict[object, object] = {}
        self.replacements: dict[object, object] = {}
        self.settings = self
        self.specialize_zero_one = False
        self.trace_asserts = False
        self.should_record_events = self._translation_validation_enabled = False
        self.frozen = self.runtime_asserts_frozen = False
        self.tracked_fakes = None
        self.is_recording = False
        self._version_counter = 0
        self.fake_tensor_cache: dict[object, object] = {}

    def evaluate_sym_node(
        self,
        node: IntNode | FloatNode | BoolNode,
        size_oblivious: bool = False,
        fallback_value: bool | None = None,
    ) -> float:
        if isinstance(node, BoolNode) and (fallback_value is not None or size_oblivious):
            return self.env.probably(node.content, bool(fallback_value))
        return node.evaluate()

    def _maybe_evaluate_static(
        self, content: Content | Sympyish, **options: object
    ) -> float | None:
        content = _content(content)
        if isinstance(content, (int, float)):
            return content
        if isinstance(content, (Expr, FloatExpr)):
            return None
        return self.env.known(content)

    def _fresh(self, name: str, lo: int | None, hi: int | None = None) -> Expr:
        env = self.env
        name = env.numbered(name)
        return env.symbol(name, None, name, lo, hi, is_unbacked=True)

    def new_size(self, lo: int, hi: int | None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", lo, hi))

    def create_unbacked_symint(self, source: object = None) -> torch.SymInt:
        return symbolic(self.env, self._fresh("u", None))

    def create_unbacked_symfloat(self) -> torch.SymFloat:
        name = self.env.numbered("zf")
        return symbolic(self.env, self.env.float_symbol(name, None, name))

    def create_unbacked_symbool(self) -> torch.SymBool:
        return torch.SymBool(BoolNode(self.env, equal(self._fresh("u", 0, 1), 1)))

    def _constrain_range_for_size(
        self, content: Int | Sympyish, min: int | None = None, max: int | None = None
    ) -> None:
        size = _size(content)
        self.env.assume(not_less(size, min or 0))
        if max is not None:
            self.env.assume(not_less(max, size))

    def constrain_symbol_range(self, content: Int | Sympyish, lo: int, hi: int) -> None:
        size = _size(content)
        self.env.assume(both(not_less(size, lo), not_less(hi, size)))

    def is_unbacked_symint(self, content: Content | Sympyish) -> bool:
        content = _content(content)
        if not isinstance(content, Expr):
            return False
        return any(self.env.symbols[a.name].is_unbacked for a in content.symbols())

    def has_hint(self, content: Content | Sympyish) -> bool:
        content = _content(content)
        if isinstance(content, (int, float, Expr, FloatExpr)):
            return self.env.hint(content) is not None
        return True

    def suppress_guards(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    ignore_fresh_unbacked_symbols = suppress_guards

    def freeze(self) -> None:
        """Nothing to do."""

    def is_dim_dynamic(self, *args: object) -> bool:
        return True

    def _update_version_counter(self) -> None:
        """Nothing to do."""


def facade(env: ShapeEnv) -> Facade:
    """The one facade of an environment."""
    found: Facade | None = env.scope.interned.get("facade")
    if found is None:
        found = env.scope.interned["facade"] = Facade(env)
    return found
