"""Python's own functions on sizes, replaced while a program is captured.

C code would need the very number: ``max(n, 1)`` must not compare, ``math.sqrt(n)`` must not read,
``round(n, -1)`` must round.
"""

from __future__ import annotations

import builtins
import dis
import functools
import math
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch

from monograph.capture.python.exception_handlers import may_be_caught
from monograph.shapes.env import ShapeEnv
from monograph.shapes.floats import FloatExpr
from monograph.shapes.questions import negated
from monograph.shapes.symnode import BoolNode, FloatNode, IntNode, expression_of, symbolic

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["STAND_INS", "NeedsNumbers", "assertion_at", "converted", "replacements"]

_SYMBOLIC = (torch.SymInt, torch.SymFloat)
_MATH = ("sqrt", "cos", "cosh", "sin", "sinh", "tan", "tanh", "asin", "acos", "atan", "exp",
         "log", "log2", "log10")  # fmt: skip
_max, _min = builtins.max, builtins.min

Mine = Callable[[], bool]
Replacement = tuple[Any, str, Any]


class NeedsNumbers(BaseException):
    """A module's code calls ``int(size)`` or ``len(tensor)``, which C turns into a plain number.

    Capture again, with that ``name`` in ``namespace`` (the module's globals) replaced. Not an
    ``Exception``, so that no handler of the program's takes it.
    """

    def __init__(self, namespace: dict[str, Any], name: str) -> None:
        super().__init__()
        self.namespace = namespace
        self.name = name


class _NumberType(type):
    """``int`` or ``float`` for a module that calls it on sizes; everything else is as it was."""

    original: type
    convert: Callable[[Any], Any]

    def __instancecheck__(cls, item: Any) -> bool:
        return isinstance(item, cls.original)

    def __subclasscheck__(cls, item: Any) -> bool:
        return issubclass(item, cls.original)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1:
            item = args[0]
            if isinstance(item, torch.Tensor) and not isinstance(item, torch.nn.Parameter):
                item = item.item()
            if isinstance(item, _SYMBOLIC):
                return cls.convert(item)
        return cls.original(*args, **kwargs)

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.original

    def __hash__(cls) -> int:
        return hash(cls.original)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.original, name)


class Integers(metaclass=_NumberType):
    """Stands for ``int`` in a module's globals."""

    original = int
    convert = staticmethod(torch.sym_int)


class Floats(metaclass=_NumberType):
    """Stands for ``float`` in a module's globals."""

    original = float
    convert = staticmethod(torch.sym_float)


def length(item: Any, /) -> Any:
    """Stands for ``len`` in a module's globals: the size of a tensor may vary."""
    is_abstract = isinstance(item, torch.Tensor) and hasattr(item, "value")
    return item.shape[0] if is_abstract and item.dim() else len(item)


STAND_INS: dict[str, Any] = {"int": Integers, "float": Floats, "len": length}


def ask_for_stand_in(name: str, frame: FrameType) -> None:
    """Raise ``NeedsNumbers`` where the code of ``frame`` calls the builtin ``name``."""
    namespace = frame.f_globals
    if name in frame.f_code.co_names and name not in namespace:
        raise NeedsNumbers(namespace, name)


def converted(tensor: Any, name: str) -> Any:
    """``int(tensor)`` or ``float(tensor)``, for a tensor of the program."""
    if tensor.value.recorder.is_running and not tensor.value.recorder.is_known(tensor.value):
        ask_for_stand_in(name, sys._getframe(2))
    return getattr(torch.Tensor, f"__{name}__")(tensor)


def length_of(tensor: Any) -> Any:
    """``len(tensor)``, which C makes a plain number of."""
    if not tensor.dim():
        raise TypeError("len() of a 0-d tensor")
    size = tensor.shape[0]
    if isinstance(size, torch.SymInt) and tensor.value.recorder.is_running:
        ask_for_stand_in("len", sys._getframe(2))
    return size


def replacements(recorder: Recorder, mine: Mine) -> list[Replacement]:
    """What ``patches`` has to replace, as (owner, attribute, replacement)."""
    env = recorder.sizes.env
    found: list[Replacement] = [
        (builtins, "max", _extreme(_max, torch.sym_max, mine)),
        (builtins, "min", _extreme(_min, torch.sym_min, mine)),
        (builtins, "divmod", _divmod(mine)),
        (math, "isqrt", _isqrt(env, mine)),
        (math, "pow", _pow(env, mine)),
        (torch.SymInt, "__round__", _round),
        (torch.SymInt, "__hash__", _hash(env)),
        (torch.SymInt, "__int__", _to_number(recorder, torch.SymInt, "int")),
        (torch.SymFloat, "__int__", _to_number(recorder, torch.SymFloat, "int")),
        (torch.SymInt, "__float__", _to_number(recorder, torch.SymInt, "float")),
        (torch.SymFloat, "__float__", _to_number(recorder, torch.SymFloat, "float")),
        (torch.SymInt, "__format__", _format(torch.SymInt.__format__)),
        (torch.SymFloat, "__format__", _format(torch.SymFloat.__format__)),
        (torch.SymBool, "__bool__", _truth(recorder)),
        (torch, "_check_with", _check_with(env, torch._check_with, mine)),
        (torch, "_check_is_size", _check_is_size(torch._check_is_size, mine)),
    ]
    functional = torch.nn.functional
    attention = functional.scaled_dot_product_attention
    found.append((functional, "scaled_dot_product_attention", _with_truths(attention, mine)))
    found += [(math, name, _math(env, name, mine)) for name in _MATH]
    return found


def _with_truths(original: Any, mine: Mine) -> Callable[..., Any]:
    """Flags that come of ``n > 1 and ...`` are truths about sizes: C code wants plain ones."""

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if mine():
            args = tuple(bool(a) if isinstance(a, torch.SymBool) else a for a in args)
            for name, value in kwargs.items():
                if isinstance(value, torch.SymBool):
                    kwargs[name] = bool(value)
        return original(*args, **kwargs)

    return call


def _extreme(original: Any, combine: Any, mine: Mine) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not mine():
            return original(*args, **kwargs)
        items = args
        if len(args) == 1:
            items = args = (list(args[0]),)  # an iterator is read once
            items = args[0]  # type: ignore[assignment]
        if not kwargs and len(items) > 1 and _are_alike(items):
            larger = combine is torch.sym_max
            return functools.reduce(
                lambda one, other: torch.where(other > one if larger else other < one, other, one),
                items,
            )
        if kwargs or not any(isinstance(item, _SYMBOLIC) for item in items):
            return original(*args, **kwargs)
        return functools.reduce(combine, items)

    return call


def _are_alike(items: Any) -> bool:
    """Tensors with one element each, of one form: which is the largest may be computed."""
    if not all(isinstance(item, torch.Tensor) and hasattr(item, "value") for item in items):
        return False
    first = items[0]
    return first.numel() == 1 and all(
        item.dtype == first.dtype and item.shape == first.shape for item in items
    )


def _divmod(mine: Mine) -> Callable[[Any, Any], Any]:
    original = builtins.divmod

    @functools.wraps(original)
    def call(left: Any, right: Any, /) -> Any:
        if mine() and (isinstance(left, _SYMBOLIC) or isinstance(right, _SYMBOLIC)):
            return left // right, left % right
        return original(left, right)

    return call


def _math(env: ShapeEnv, name: str, mine: Mine) -> Callable[..., Any]:
    original = getattr(math, name)

    @functools.wraps(original)
    def call(*args: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], _SYMBOLIC) and mine():
            return symbolic(env, FloatExpr(name, (expression_of(args[0]),)))
        return original(*args)

    return call


def _pow(env: ShapeEnv, mine: Mine) -> Callable[[Any, Any], Any]:
    original = math.pow

    @functools.wraps(original)
    def call(base: Any, exponent: Any) -> Any:
        if isinstance(base, _SYMBOLIC) and mine():
            args = (expression_of(base), expression_of(exponent))
            return symbolic(env, FloatExpr("pow", args))
        return original(base, exponent)

    return call


def _isqrt(env: ShapeEnv, mine: Mine) -> Callable[[Any], Any]:
    original = math.isqrt

    @functools.wraps(original)
    def call(n: Any) -> Any:
        if isinstance(n, torch.SymInt) and mine():
            return symbolic(env, env.scope.isqrt(expression_of(n)))
        return original(n)

    return call


def _round(self: torch.SymInt, ndigits: int | None = None) -> Any:
    node: IntNode = self.node
    return symbolic(node.env, node.round(ndigits).content)


def _hash(env: ShapeEnv) -> Callable[[torch.SymInt], int]:
    """A dict finds a key by its hash, so the number must be the one of the example."""

    def identity(self: torch.SymInt) -> int:
        why = "a size is a dictionary's key (or an argument of a cached function) here"
        return hash(env.fix(expression_of(self), why))

    return identity


def _to_number(recorder: Recorder, kind: Any, name: str) -> Callable[[Any], Any]:
    def convert(self: Any) -> Any:
        node = self.node
        if not isinstance(node, (IntNode, FloatNode)):
            return kind.__int__(self)
        if recorder.is_running and not node.is_constant():
            ask_for_stand_in(name, sys._getframe(1))
        if isinstance(node, FloatNode):
            number = node.guard_float("", 0)
            return number if name == "float" else int(number)
        return int(node.guard_int("", 0)) if name == "int" else float(node.guard_int("", 0))

    return convert


def _format(original: Any) -> Callable[[Any, str], str]:
    def format_number(self: Any, specification: str) -> str:
        if not specification:
            return str(original(self, ""))
        node = self.node
        number = node.guard_float("", 0) if node.is_float() else node.guard_int("", 0)
        return format(number, specification)

    return format_number


def _truth(recorder: Recorder) -> Callable[[torch.SymBool], bool]:
    original = torch.SymBool.__bool__

    def truth(self: torch.SymBool) -> bool:
        node = self.node
        if isinstance(node, BoolNode) and recorder.is_running and not node.is_constant():
            wanted, message = assertion_at(sys._getframe(1))
            if wanted is not None:
                test = node.content if wanted else negated(node.content)
                return recorder.sizes.env.require(test, message) is wanted
        return original(self)  # type: ignore[no-untyped-call]

    return truth


_BEFORE_A_RAISE = ("LOAD_", "PRECALL", "CALL", "KW_NAMES", "FORMAT_VALUE", "BUILD_", "PUSH_NULL",
                   "CACHE", "BINARY_")  # fmt: skip


def assertion_at(frame: FrameType) -> tuple[bool | None, str | None]:
    """What the truth that is tested here must be, because ``raise`` follows if it is not.

    None where both ways lead on. The message of an ``assert``, where it is at hand, comes second.
    """
    instructions = _instructions(frame.f_code)
    at = next((i for i, ins in enumerate(instructions) if ins.offset == frame.f_lasti), None)
    if at is None or "JUMP" not in instructions[at].opname:
        return None, None
    jump = instructions[at]
    jumps_if = "IF_TRUE" in jump.opname
    if not jumps_if and "IF_FALSE" not in jump.opname:
        return None, None
    target = next((i for i, ins in enumerate(instructions) if ins.offset == jump.argval), at)
    for start, wanted in ((at + 1, jumps_if), (target, not jumps_if)):
        raised = _raises(instructions, start)
        if raised is not None:
            at_raise = instructions[start + len(raised)].offset
            if may_be_caught((frame, at_raise)):
                return None, None
            return wanted, _message(raised, frame)
    return None, None


def _raises(instructions: list[dis.Instruction], start: int) -> list[dis.Instruction] | None:
    """The instructions from ``start`` to a ``raise``, if they do nothing else."""
    for i in range(start, min(start + 60, len(instructions))):
        if instructions[i].opname == "RAISE_VARARGS":
            return instructions[start:i]
        if not instructions[i].opname.startswith(_BEFORE_A_RAISE):
            return None
    return None


def _message(raised: list[dis.Instruction], frame: FrameType) -> str | None:
    for instruction in raised:
        found = None
        if instruction.opname == "LOAD_CONST":
            found = instruction.argval
        elif instruction.opname == "LOAD_FAST":  # torch._assert(condition, message)
            found = frame.f_locals.get(instruction.argval)
        if isinstance(found, str):
            return found
    return None


@functools.lru_cache(maxsize=512)
def _instructions(code: Any) -> list[dis.Instruction]:
    return list(dis.get_instructions(code))


def _check_with(env: ShapeEnv, original: Any, mine: Mine) -> Callable[..., None]:
    """``torch._check`` and its relatives: a fact, and an assertion of the program."""

    @functools.wraps(original)
    def check(error_type: Any, condition: Any, message: Any) -> None:
        if not mine() or not isinstance(condition, torch.SymBool):
            original(error_type, condition, message)
            return
        text = None if message is None else str(message())
        if not env.require(expression_of(condition), text):
            original(error_type, False, message)

    return check


def _check_is_size(original: Any, mine: Mine) -> Callable[..., None]:
    @functools.wraps(original)
    def check(i: Any, message: Any = None, *, max: Any = None) -> None:  # noqa: A002
        if not mine() or not isinstance(i, torch.SymInt):
            original(i, message, max=max)
            return
        torch._check(i >= 0, message)
        if max is not None:
            torch._check(i <= max, message)

    return check
