"""What Python asks of a number that varies: the methods of ``int``, ``float`` and ``bool``.

torch has methods for arithmetic and order. What it lacks, or answers otherwise than Python does, is
answered here while a program is captured: by another number that varies where there is one, else by
the very number, which is that of the example from then on (or is refused, where only a run knows
it). A truth counts as 1 or 0 among numbers, as Python's does.
"""

from __future__ import annotations

import ast
import dis
import math
import operator
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.frames import (
    frames_of_user,
    is_asked_by_user,
    is_of_python,
    is_ours,
    stands_in,
)
from monograph.capture.python.nodes import syntax_of
from monograph.capture.python.static_values import UNKNOWN, value_of
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import Test, both, either, negated
from monograph.shapes.symnode import BoolNode, FloatNode, IntNode, Node, expression_of, symbolic

__all__ = ["METHODS", "as_integer", "number_of", "of_floats"]

Method = Callable[..., Any]
Symbolic = torch.SymInt | torch.SymFloat | torch.SymBool
_FLOATS = (float, torch.SymFloat)
_NUMBERS = (int, float, torch.SymInt, torch.SymFloat, torch.SymBool)


def number_of(number: Symbolic) -> float:
    """The very number, for which a function of Python's has to be called."""
    node: IntNode | FloatNode | BoolNode = number.node
    if isinstance(node, IntNode):
        return node.guard_int("", 0)
    return node.guard_float("", 0) if isinstance(node, FloatNode) else node.guard_bool("", 0)


def as_integer(truth: torch.SymBool) -> int | torch.SymInt:
    """``int(truth)``: 1 or 0."""
    node: BoolNode = truth.node
    return symbolic(node.env, node.as_number().content)


def _itself(self: object, *args: object) -> object:
    return self


def _of_the_number(name: str) -> Method:
    """Python's own method, of the very number."""

    def call(self: Symbolic, *args: object, **kwargs: object) -> object:
        return getattr(number_of(self), name)(*args, **kwargs)

    return call


# Integers ----------------------------------------------------------------------------------------


def _inverted(self: torch.SymInt) -> object:
    return operator.sub(-1, self)


def _rounded(
    self: torch.SymInt | torch.SymFloat, ndigits: int | torch.SymInt | torch.SymBool | None = None
) -> object:
    node: IntNode | FloatNode = self.node
    if isinstance(ndigits, (torch.SymInt, torch.SymBool)):
        ndigits = int(number_of(ndigits))
    return symbolic(node.env, node.round(ndigits).content)


def _bit_length(self: torch.SymInt) -> object:
    """By the logarithm, which is as exact as is needed for any size that a tensor can have."""
    env, least = self.node.env, torch.sym_max(self, 1)
    logarithm = symbolic(env, FloatExpr("log2", (expression_of(least),)))
    return math.floor(logarithm) + torch.sym_min(1, self)


def _both_parts(left: object, right: object) -> object:
    if not isinstance(left, _NUMBERS) or not isinstance(right, _NUMBERS):
        return NotImplemented
    return operator.floordiv(left, right), operator.mod(left, right)


def _power(self: torch.SymInt, exponent: object, modulus: object = None) -> object:
    if modulus is not None:
        if isinstance(exponent, int) and exponent >= 0:
            return operator.mod(operator.pow(self, exponent), modulus)
        return _python_power(number_of(self), exponent, modulus)
    if isinstance(exponent, _FLOATS):
        return _float_power(self, exponent)
    return _INTEGER_POWER(self, exponent)


def _power_of(self: torch.SymInt, base: object) -> object:
    return _float_power(base, self) if isinstance(base, _FLOATS) else _POWER_OF_BASE(self, base)


def _float_power(base: object, exponent: object, modulus: None = None) -> object:
    """Python's floats become complex for a fraction as exponent of a negative base."""
    if not all(isinstance(each, _NUMBERS) for each in (base, exponent)):
        return NotImplemented
    is_whole = isinstance(exponent, (int, torch.SymInt)) or (
        isinstance(exponent, float) and exponent.is_integer()
    )
    if not is_whole:
        torch._check(_not_less(base, 0))
    return of_floats("pow", base, exponent)


def of_floats(name: str, *operands: object) -> object:
    """The function ``name`` of numbers, some of which vary, as a float."""
    numbers = [torch.sym_float(each) for each in operands]
    env = next(each.node.env for each in numbers if isinstance(each, torch.SymFloat))
    return symbolic(env, FloatExpr(name, tuple(map(expression_of, numbers))))


def _quotient(self: object, divisor: object) -> object:
    return _floor_of_quotient(self, self, divisor, _INTEGER_QUOTIENT)


def _quotient_of(self: object, dividend: object) -> object:
    return _floor_of_quotient(self, dividend, self, _INTEGER_QUOTIENT_OF)


def _floor_of_quotient(self: object, left: object, right: object, of_integers: Method) -> object:
    """``left // right``: where one is a float, torch divides first, which rounds."""
    other = right if self is left else left
    if not isinstance(other, _NUMBERS):
        return NotImplemented
    if isinstance(self, torch.SymFloat) or isinstance(other, _FLOATS):
        return of_floats("floordiv", left, right)
    return of_integers(self, other)


_INTEGER_POWER, _POWER_OF_BASE, _INTEGER_QUOTIENT, _INTEGER_QUOTIENT_OF = (
    getattr(torch.SymInt, name) for name in ("__pow__", "__rpow__", "__floordiv__", "__rfloordiv__")
)
_python_power: Method = pow
_not_less: Method = operator.ge

# Truths ------------------------------------------------------------------------------------------


def _of_the_integer(name: str) -> Method:
    """A method of 1 or 0."""

    def call(self: torch.SymBool, *args: object, **kwargs: object) -> object:
        return getattr(as_integer(self), name)(*args, **kwargs)

    return call


def _operation(function: Method, *, is_reflected: bool = False) -> Method:
    """An operator between 1 or 0 and another value."""
    if is_reflected:
        return lambda self, other: function(_counted(other), as_integer(self))
    return lambda self, other: function(as_integer(self), _counted(other))


def _counted(other: object) -> object:
    return as_integer(other) if isinstance(other, torch.SymBool) else other


def _comparison(function: Method) -> Method:
    def call(self: torch.SymBool, other: object) -> object:
        if not isinstance(other, _NUMBERS):
            return NotImplemented
        return function(as_integer(self), other)

    return call


def _logical(function: Method, combine: Callable[[Test, Test], Test]) -> Method:
    """``&``, ``|``, ``^`` and ``==``: of two truths another truth."""

    def call(self: torch.SymBool, other: object) -> object:
        if isinstance(other, (bool, torch.SymBool)):
            node: Node = self.node
            test = combine(expression_of(self), expression_of(other))
            return test if isinstance(test, bool) else torch.SymBool(BoolNode(node.env, test))
        return function(self, other)

    return call


def _differ(left: Test, right: Test) -> Test:
    return either(both(left, negated(right)), both(negated(left), right))


def _agree(left: Test, right: Test) -> Test:
    return negated(_differ(left, right))


_OF_INTEGERS = (
    "__abs__", "__ceil__", "__floor__", "__invert__", "__neg__", "__pos__", "__pow__", "__rpow__",
    "__round__", "__trunc__", "as_integer_ratio", "bit_count", "bit_length", "conjugate",
    "to_bytes",
)  # fmt: skip


def _methods_of_truths() -> dict[str, Method]:
    found = {name: _of_the_integer(name) for name in _OF_INTEGERS}
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "lshift", "rshift"):
        function = getattr(operator, name)
        found[f"__{name}__"] = _operation(function)
        found[f"__r{name}__"] = _operation(function, is_reflected=True)
    for name, combine in (("and", both), ("or", either), ("xor", _differ)):
        function = getattr(operator, f"__{name}__")
        found[f"__{name}__"] = _logical(_operation(function), combine)
        found[f"__r{name}__"] = _logical(_operation(function, is_reflected=True), combine)
    for name in ("lt", "le", "gt", "ge"):
        found[f"__{name}__"] = _comparison(getattr(operator, name))
    found["__eq__"] = _logical(_comparison(operator.eq), _agree)
    found["__ne__"] = _logical(_comparison(operator.ne), _differ)
    return found


# What a number says that it is ------------------------------------------------------------------


def _said_to_be(plain: type, kind: type) -> Method:
    """The class of Python's numbers, as ``isinstance`` asks the program's: ``n`` is an ``int``.

    torch's own code and ours tell numbers that vary from others by it.
    """

    def class_of(self: Symbolic) -> type:
        # Of Python's library, abstract base classes ask, and ``functools.singledispatch``.
        if not is_asked_by_user() or not isinstance(self.node, Node):
            return kind
        if plain is float and _matters(sys._getframe(1)):
            recorder = running_recorder()
            if recorder is not None:
                recorder.sizes.require_kind(self)
        return plain

    return class_of


def _matters(frame: FrameType) -> bool:
    """Whether the program goes by the class of a number, which is read in ``frame``.

    An operator of torch's reads it, too, and takes integers and floats alike.
    """
    if is_ours(frame.f_code):
        return False
    if is_of_python(frame.f_code):
        return not _is_any_number(frames_of_user()[0])
    operation = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    return operation in _CLASS_READ or (operation in _CALL and _is_asked(frame))


def _is_asked(frame: FrameType) -> bool:
    """Whether it is ``isinstance`` that is called, and not for integers and floats alike."""
    syntax = syntax_of(frame.f_code)
    call = None if syntax is None else syntax.node_at(frame.f_lasti)
    if not isinstance(call, ast.Call):
        return True
    function = value_of(call.func, frame)
    if function is UNKNOWN:
        return not isinstance(call.func, ast.Attribute)  # of a result: a method of tensors
    return function is isinstance and not _is_any_number(frame)


def _is_any_number(frame: FrameType) -> bool:
    """Whether it is asked ``isinstance(n, kinds)``, which is the same for integers and floats."""
    syntax = syntax_of(frame.f_code)
    call = None if syntax is None else syntax.node_at(frame.f_lasti)
    if not isinstance(call, ast.Call) or len(call.args) != 2:
        return False
    if value_of(call.func, frame) is not isinstance:
        return False
    given = call.args[1]
    named = given.elts if isinstance(given, ast.Tuple) else [given]
    kinds = tuple(value_of(each, frame) for each in named)
    return UNKNOWN not in kinds and isinstance(0, kinds) is isinstance(0.0, kinds)  # type: ignore[arg-type]


_CLASS_READ = ("MATCH_CLASS", "LOAD_ATTR", "LOAD_ATTR_ADAPTIVE")
_CALL = ("CALL", "PRECALL", "CALL_FUNCTION_EX", "CALL_KW")


# The table ---------------------------------------------------------------------------------------

# What a number says of itself, each with its value: a function of the number.
_ATTRIBUTES: dict[type, dict[str, Method]] = {
    torch.SymInt: {
        "__class__": _said_to_be(int, torch.SymInt),
        "real": _itself,
        "imag": lambda self: 0,
        "numerator": _itself,
        "denominator": lambda self: 1,
    },
    torch.SymFloat: {
        "__class__": _said_to_be(float, torch.SymFloat),
        "real": _itself,
        "imag": lambda self: 0.0,
    },
    torch.SymBool: {
        "__class__": _said_to_be(bool, torch.SymBool),
        "real": as_integer,
        "imag": lambda self: 0,
        "numerator": as_integer,
        "denominator": lambda self: 1,
    },
}
_OF_ANY: dict[str, Method] = {
    "__copy__": _itself,
    "__deepcopy__": _itself,
    "__divmod__": _both_parts,
    "__rdivmod__": lambda self, dividend: _both_parts(dividend, self),
}
_METHODS: dict[type, dict[str, Method]] = {
    torch.SymInt: {
        "__invert__": _inverted,
        "__round__": _rounded,
        "__pow__": _power,
        "__rpow__": _power_of,
        "__floordiv__": _quotient,
        "__rfloordiv__": _quotient_of,
        **_OF_ANY,
        "bit_length": _bit_length,
        **{n: _of_the_number(n) for n in ("bit_count", "to_bytes")},
    },
    torch.SymFloat: {
        "__round__": _rounded,
        "__pow__": _float_power,
        "__rpow__": lambda self, base: _float_power(base, self),
        "__floordiv__": _quotient,
        "__rfloordiv__": _quotient_of,
        **_OF_ANY,
        **{n: _of_the_number(n) for n in ("as_integer_ratio", "hex")},
    },
    torch.SymBool: {**_OF_ANY, **_methods_of_truths()},
}


def _of_ours(kind: type, name: str, method: Method) -> Method:
    """``method`` for the numbers of a capture; another thread may have torch's own."""
    original = getattr(kind, name, None)

    def call(self: Symbolic, *args: object, **kwargs: object) -> object:
        if isinstance(self.node, Node):
            return method(self, *args, **kwargs)
        if original is None:
            return NotImplemented
        return original(self, *args, **kwargs)

    stands_in(method.__code__)
    stands_in(call.__code__)
    return call


def _counting_truths(kind: type, name: str) -> Method:
    """torch's own operation, which would ask for a truth on the right: that counts as 1 or 0."""
    original = getattr(kind, name)

    def call(self: Symbolic, other: object) -> object:
        if type(other) is torch.SymBool and isinstance(other.node, Node):
            other = as_integer(other)
        return original(self, other)

    stands_in(call.__code__)
    return call


# As (owner, attribute, what is there while a program is captured).
METHODS: list[tuple[type, str, Any]] = [
    *((kind, name, _of_ours(kind, name, method))
      for kind, methods in _METHODS.items() for name, method in methods.items()),
    *((kind, name, _counting_truths(kind, name))
      for kind in (torch.SymInt, torch.SymFloat) for name in ("__add__", "__sub__", "__mul__")),
    *((kind, name, property(value))
      for kind, values in _ATTRIBUTES.items() for name, value in values.items()),
]  # fmt: skip
