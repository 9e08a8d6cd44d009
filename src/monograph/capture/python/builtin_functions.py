"""Python's own functions on sizes, called instead of them while a program is captured.

C code would need the very number: ``int(n)`` must stay a size, ``max(n, 1)`` must not compare,
``math.sqrt(n)`` must not read. What Python sends to the number itself (``round(n, -1)`` to
``__round__``) is answered there.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
import re
import sys
from collections.abc import Callable, Iterable, Sequence, Sized
from types import BuiltinMethodType, FrameType, FunctionType, MethodDescriptorType, MethodType
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.call_sites import CallSites, function_of, mentioned
from monograph.capture.python.exception_handlers import catches, may_be_caught
from monograph.capture.python.frames import frames_of_user, is_ours, stands_in
from monograph.capture.python.keys import is_counted, is_looked_up
from monograph.capture.python.nodes import compares, subscripts, syntax_of, takes_truth
from monograph.capture.python.number_functions import (
    FUNCTIONS_OF_MATH,
    Number,
    functions_of_numpy,
    plain,
)
from monograph.capture.python.number_methods import as_integer, number_of
from monograph.capture.python.operator_calls import calls_an_operator, through_schema
from monograph.capture.python.plain_numbers import given_numbers
from monograph.capture.python.redirect import identity_of
from monograph.capture.python.static_values import UNKNOWN
from monograph.capture.python.truths import assertion_at, is_asserted
from monograph.capture.python.type_calls import type_of
from monograph.capture.restarts import (
    NeedsCalls,
    NeedsIndexing,
    is_printed,
    is_printed_as_number,
    restart,
)
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr
from monograph.shapes.floats import MATHEMATICAL, FloatExpr
from monograph.shapes.questions import negated
from monograph.shapes.symnode import (
    BoolNode,
    FloatNode,
    IntNode,
    Node,
    as_mixed,
    expression_of,
    symbolic,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = [
    "CALL_SITES",
    "ask",
    "ask_after",
    "asserted",
    "called_instead",
    "choose",
    "converted",
    "instead_of",
    "length_of",
    "replacements",
]

_SYMBOLIC = (torch.SymInt, torch.SymFloat)
_FLOATS = (float, torch.SymFloat)
_TRUTHS = (bool, torch.SymBool)
_Integer = int | torch.SymInt

_Cached = type(functools.lru_cache(lambda: None))

Mine = Callable[[], bool]
Replacement = tuple[Any, str, Any]

# The callee ------------------------------------------------------------------------------------


def choose(function: Any) -> Any:
    """What a call of ``function`` calls: itself, but for those that sizes need otherwise."""
    found = _STAND_INS.get(id(function))
    if found is None:
        recorder = running_recorder()
        if recorder is not None and identity_of(function) in recorder.context.given_numbers:
            return given_numbers(function)
        kind = type(function)
        if kind is functools.partial:
            return _partial(function)
        if _is_cached(function):
            return _called_through(function)
        if kind is BuiltinMethodType and function.__name__ in _METHODS_IN_C:
            instead = _METHODS_IN_C[function.__name__](function)
            if instead is not function:
                return instead
        return through_schema(function) if calls_an_operator(function) else function
    return function if running_recorder() is None else found


def _is_method_in_c(function: object) -> bool:
    """Whether it is a method, bound or as its class has it, that is chosen by its name."""
    if not isinstance(function, (BuiltinMethodType, MethodDescriptorType)):
        return False
    return function.__name__ in _METHODS_IN_C


def _partial(function: functools.partial[Any]) -> functools.partial[Any]:
    inner = choose(function.func)
    if inner is function.func:
        return function
    return functools.partial(inner, *function.args, **function.keywords)


def _is_cached(function: object) -> bool:
    """Whether it is a function (or a method) under ``functools.lru_cache``."""
    if type(function) is MethodType:
        function = function.__func__
    return type(function) is _Cached


def _called_through(function: Any) -> Callable[..., object]:
    """The function itself for numbers that vary, which would have to be keys of its cache."""

    def call(*args: object, **kwargs: object) -> object:
        called = function
        if _mention_numbers(args) or _mention_numbers(kwargs.values()):
            called = called.__wrapped__
            if type(function) is MethodType:
                args = (function.__self__, *args)
        return called(*args, **kwargs)

    stands_in(call.__code__)
    return call


def _mention_numbers(items: Iterable[object]) -> bool:
    return any(
        isinstance(item, (*_SYMBOLIC, torch.SymBool))
        or (isinstance(item, (tuple, frozenset)) and _mention_numbers(item))
        for item in items
    )


def _stand_in_of_sort(function: BuiltinMethodType) -> Callable[..., object]:
    is_list = type(function.__self__) is list and running_recorder() is not None
    return _with_chosen_key(function) if is_list else function


def _stand_in_of_numel(function: BuiltinMethodType) -> Callable[..., object]:
    sizes = function.__self__
    if type(sizes) is not torch.Size or running_recorder() is None:
        return function
    return functools.partial(_count, sizes)


def _stand_in_of_question(function: BuiltinMethodType) -> Callable[..., object]:
    tensor: object = function.__self__
    if not isinstance(tensor, torch.Tensor) or running_recorder() is None:
        return function
    return functools.partial(_STAND_INS[id(getattr(torch, function.__name__))], tensor)


def _stand_in_of_indices(function: BuiltinMethodType) -> Callable[..., object]:
    part: object = function.__self__
    if type(part) is not slice or running_recorder() is None:
        return function
    return functools.partial(_indices, part)


def _indices(part: slice, length: _Integer) -> tuple[_Integer, ...]:
    """``part.indices(length)``: from where to where it goes, in a list of that length."""
    step: _Integer = 1 if part.step is None else part.step
    is_varying = any(isinstance(each, torch.SymInt) for each in (part.start, part.stop, length))
    if not is_varying or type(step) is not int or step == 0:
        return part.indices(length)
    lower, upper = (0, length) if step > 0 else (-1, length - 1)
    ends = (lower, upper) if step > 0 else (upper, lower)
    start, stop = (
        end if bound is None else _in_bounds(bound, length, lower, upper)
        for bound, end in zip((part.start, part.stop), ends, strict=True)
    )
    return start, stop, step


def _in_bounds(bound: _Integer, length: _Integer, lower: _Integer, upper: _Integer) -> _Integer:
    if bound < 0:
        return torch.sym_max(bound + length, lower)
    return torch.sym_min(bound, upper)


_METHODS_IN_C = {
    "indices": _stand_in_of_indices,
    "sort": _stand_in_of_sort,
    "numel": _stand_in_of_numel,
    **dict.fromkeys(("is_nonzero", "equal", "allclose"), _stand_in_of_question),
}


CALL_SITES = CallSites(choose)


def ask(recorder: Recorder, frame: FrameType, *, is_number: bool) -> None:
    """Capture again, with callees chosen, where C asks what ``frame`` does not ask, and it helps.

    ``is_number``: a number is made, which nothing but C does; a truth is also what a test asks for.
    """
    frame = _caller_of_numpy(frame)
    code, offset = frame.f_code, frame.f_lasti
    is_asked = takes_truth(code, offset) or compares(code, offset)
    if not recorder.context.is_running or (is_asked and not is_number):
        return
    if code.co_name == "__bool__" and not is_number:
        return
    if is_ours(code) or id(code) in recorder.context.as_called or CALL_SITES.is_chosen(code):
        return
    if not is_number and not any(
        found is UNKNOWN or id(found) in _STAND_INS or type(found) is functools.partial
        or _is_cached(found) or _is_method_in_c(found) for found in mentioned(frame)
    ):  # fmt: skip
        return
    restart(recorder, NeedsCalls(code, function_of(frame)))


def _caller_of_numpy(frame: FrameType) -> FrameType:
    """Who calls numpy's own function that ``frame`` runs: there another may be called instead."""
    here = frame
    while str(here.f_globals.get("__name__")).startswith("numpy.") and here.f_back is not None:
        here = here.f_back
    return here


def ask_for_operator(recorder: Recorder, frame: FrameType) -> None:
    """Capture again, with callees chosen, where a function in C wants a number for its operator."""
    code = frame.f_code
    if is_ours(code) or id(code) in recorder.context.as_called or CALL_SITES.is_chosen(code):
        return
    if any(
        found is UNKNOWN or calls_an_operator(found) or id(found) in _STAND_INS
        for found in mentioned(frame)
    ):
        restart(recorder, NeedsCalls(code, function_of(frame)))


def ask_after(recorder: Recorder, error: TypeError) -> None:
    """The same, where the function has refused a size, or a list that grows, for what it is."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    if entry is not None and re.search(r"\b(Sym(Int|Float|Bool)|Rows)\b", str(error)):
        ask_for_operator(recorder, entry.tb_frame)


# The functions that are called instead -----------------------------------------------------------


def _number_type(
    kind: Callable[..., object], convert: Callable[[Any], object]
) -> Callable[..., object]:
    """``int`` or ``float``: a size stays one, and a tensor's number becomes one."""

    def call(*args: object, **kwargs: object) -> object:
        if len(args) == 1 and not kwargs:
            item: Any = args[0]
            if isinstance(item, torch.Tensor) and not isinstance(item, torch.nn.Parameter):
                item = item.item()
            if isinstance(item, torch.SymBool):
                item = as_integer(item)
            if isinstance(item, _SYMBOLIC):
                return convert(plain(item))
            return kind(item)
        return kind(*args, **kwargs)

    return call


def _truth_type(*args: object, **kwargs: object) -> object:
    """``bool``: of a number that varies, or of a tensor, a truth that varies."""
    if len(args) != 1 or kwargs or _is_tested(sys._getframe(1)):
        return bool(*args, **kwargs)
    item = args[0]
    if _is_unknown(item):
        return _truth_of(item)
    if isinstance(item, _SYMBOLIC):
        return item != 0
    return item if isinstance(item, torch.SymBool) else bool(item)


def _truth_of(tensor: torch.Tensor) -> object:
    """Whether the one element of a tensor is not zero: a truth that varies."""
    return (tensor if tensor.dtype == torch.bool else tensor != 0).item()


def _is_unknown(item: object) -> TypeGuard[torch.Tensor]:
    """Whether it is a tensor with one element, which only a run knows."""
    if not isinstance(item, torch.Tensor) or not hasattr(item, "value") or item.numel() != 1:
        return False
    recorder = running_recorder()
    return recorder is not None and not recorder.knowledge.is_known(item.value)


def _is_tested(frame: FrameType) -> bool:
    """Whether what ``frame`` calls decides a statement that nobody converts, or is computed with.

    Such a question is best answered by what could be written in its place.
    """
    recorder = running_recorder()
    if recorder is None or frame.f_code.co_name == "__bool__":  # which must return a plain truth
        return True
    strict = recorder.context.strict
    if strict is not None and strict.converts(frame.f_code):
        return False
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    while syntax is not None and node is not None:
        parent = syntax.parent(node)
        if isinstance(parent, (ast.If, ast.While, ast.IfExp)) and node is parent.test:
            return not is_asserted(syntax, node)
        is_logical = isinstance(parent, ast.BoolOp) or (
            isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)
        )
        if not is_logical:
            is_filter = isinstance(parent, ast.comprehension) and node in parent.ifs
            return is_filter or isinstance(parent, ast.BinOp)
        node = parent
    return False


def _compared(
    original: Callable[..., object], compare: Callable[..., torch.Tensor]
) -> Callable[..., object]:
    """``torch.equal`` or ``torch.allclose``: of tensors that only a run knows, a varying truth."""

    def call(*args: object, **kwargs: object) -> object:
        tensors = [arg for arg in args[:2] if isinstance(arg, torch.Tensor)]
        if len(tensors) < 2 or _is_tested(sys._getframe(1)):
            return original(*args, **kwargs)
        one, other = tensors
        recorder = running_recorder()
        assert recorder is not None
        values = [recorder.value_of(t) for t in tensors]
        if one.dtype != other.dtype or all(map(recorder.knowledge.is_known, values)):
            return original(*args, **kwargs)
        if original is torch.equal and one.shape != other.shape:
            return False
        return _truth_of(compare(*args, **kwargs).all())

    return call


def _equal(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return one == other


def _reduced(original: Callable[..., object], *, is_and: bool) -> Callable[..., object]:
    """``any`` or ``all``: of tensors that only a run knows, a truth that varies."""

    def call(items: Iterable[object], /) -> object:
        if _is_tested(sys._getframe(1)):
            return original(items)
        found: bool | torch.SymBool = is_and
        for item in items:
            truth = _truth_of(item) if _is_unknown(item) else item
            if not isinstance(truth, torch.SymBool):
                if bool(truth) is not is_and:
                    return not is_and
            else:
                found = truth & found if is_and else truth | found
        return found

    return call


def _length(item: Sized, /) -> int:
    """``len``: the size of a tensor may vary."""
    if isinstance(item, torch.Tensor) and hasattr(item, "value") and item.dim():
        return item.shape[0]
    return len(item)


def _count(sizes: torch.Size, /) -> int:
    """``torch.Size.numel``."""
    return math.prod(sizes) if isinstance(sizes, torch.Size) else torch.Size.numel(sizes)


def _index(item: Any, /) -> Any:
    """``operator.index``."""
    is_abstract = isinstance(item, torch.Tensor) and hasattr(item, "value")
    if is_abstract and item.dim() == 0 and item.dtype in _INTEGERS:
        item = item.item()
    return item if isinstance(item, torch.SymInt) else operator.index(item)


_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def _with_chosen_function(original: Callable[..., object]) -> Callable[..., object]:
    """``map``, ``filter`` and their like: the function that they are given is chosen, too."""

    def call(*args: object, **kwargs: object) -> object:
        args = tuple(choose(arg) if callable(arg) else arg for arg in args)
        return original(*args, **{name: choose(value) for name, value in kwargs.items()})

    return call


def _with_chosen_key(original: Callable[..., object]) -> Callable[..., object]:
    """``sorted`` and its like: the key is chosen, too."""

    def call(*args: object, **kwargs: object) -> object:
        if kwargs.get("key") is not None:
            kwargs["key"] = choose(kwargs["key"])
        return original(*args, **kwargs)

    return call


def _extreme(
    original: Callable[..., object], combine: Callable[..., object]
) -> Callable[..., object]:
    larger = combine is torch.sym_max

    def pick(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.where(other > one if larger else other < one, other, one)

    with_key = _with_chosen_key(original)

    def call(*args: Any, **kwargs: object) -> object:
        if kwargs:
            return with_key(*args, **kwargs)
        items = args
        if len(args) == 1:
            items = args = (list(args[0]),)  # an iterator is read once
            items = args[0]  # type: ignore[assignment]
        if len(items) > 1 and _are_alike(items):
            return functools.reduce(pick, items)
        if not any(isinstance(item, _SYMBOLIC) for item in items):
            if len(items) > 1 and all(isinstance(item, _TRUTHS) for item in items):
                return functools.reduce(operator.or_ if larger else operator.and_, items)
            return original(*args)
        recorder = running_recorder()
        if recorder is None or len({isinstance(item, _FLOATS) for item in items}) == 1:
            return functools.reduce(combine, items)
        if recorder.context.tells_kinds:
            return original(*args)
        return functools.reduce(functools.partial(_of_kinds, combine), items)

    return call


def _of_kinds(combine: Callable[..., object], one: Number, other: Number) -> object:
    """The smaller or larger of two numbers, one of which may be an integer, the other a float."""
    found = combine(one, other)
    if isinstance(one, _FLOATS) is isinstance(other, _FLOATS) or not isinstance(found, _SYMBOLIC):
        return found
    is_taken = expression_of(other > one if combine is torch.sym_max else other < one)
    env = found.node.env
    known = env.known(is_taken)
    if known is not None:
        return other if known else one
    return as_mixed(found)


def _are_alike(items: Sequence[Any]) -> bool:
    """Tensors with one element each, of one form: which is the largest may be computed."""
    if not all(isinstance(item, torch.Tensor) and hasattr(item, "value") for item in items):
        return False
    first = items[0]
    return first.numel() == 1 and all(
        item.dtype == first.dtype and item.shape == first.shape for item in items
    )


def _float_function(name: str) -> Callable[..., Any]:
    original = getattr(math, name)

    def call(*args: object) -> object:
        if len(args) == 1 and isinstance(args[0], _SYMBOLIC):
            return symbolic(args[0].node.env, FloatExpr(name, (expression_of(args[0]),)))
        return original(*args)

    return call


def _log(number: object, *base: object) -> object:
    """``math.log``: to a base, it is the quotient of two."""
    natural = _float_function("log")
    if len(base) != 1 or not any(isinstance(each, _SYMBOLIC) for each in (number, *base)):
        return natural(number, *base)
    return operator.truediv(natural(number), natural(*base))


def _gamma(number: object, /) -> object:
    """``math.gamma`` of what is positive."""
    if isinstance(number, _SYMBOLIC):
        torch._check(operator.gt(number, 0))
    return _float_function("gamma")(number)


def _power(base: Any, exponent: Any, /) -> Any:
    """``math.pow``."""
    varying = next((each for each in (base, exponent) if isinstance(each, _SYMBOLIC)), None)
    if varying is None:
        return math.pow(base, exponent)
    args = tuple(expression_of(torch.sym_float(each)) for each in (base, exponent))
    return symbolic(varying.node.env, FloatExpr("pow", args))


def _isqrt(n: int | torch.SymInt, /) -> int | torch.SymInt:
    """``math.isqrt``."""
    if isinstance(n, torch.SymInt):
        env = n.node.env
        return symbolic(env, env.scope.isqrt(expression_of(n)))
    return math.isqrt(n)


def _set_of(kind: type) -> Callable[..., object]:
    """``set`` or ``frozenset`` of sizes that are only counted: which are equal is a question."""

    def call(*args: Iterable[object]) -> object:
        if len(args) != 1 or not is_counted(sys._getframe(1)):
            return kind(*args)
        items = list(args[0])
        distinct: list[object] = []
        for item in items:
            if type(item) is not int and not isinstance(item, torch.SymInt):
                return kind(items)
            if not any(bool(item == other) for other in distinct):
                distinct.append(item)
        return kind(range(len(distinct)))  # nobody sees more of it

    return call


_FUNCTIONS: list[tuple[Any, Callable[..., Any]]] = [
    (int, _number_type(int, torch.sym_int)),
    (float, _number_type(float, torch.sym_float)),
    (bool, _truth_type),
    (type, type_of),
    (torch.is_nonzero, _truth_type),
    (torch.equal, _compared(torch.equal, _equal)),
    (torch.allclose, _compared(torch.allclose, torch.isclose)),
    (any, _reduced(any, is_and=False)),
    (all, _reduced(all, is_and=True)),
    (len, _length),
    (max, _extreme(max, torch.sym_max)),
    (min, _extreme(min, torch.sym_min)),
    (sorted, _with_chosen_key(sorted)),
    (set, _set_of(set)),
    (frozenset, _set_of(frozenset)),
    (operator.index, _index),
    (torch.Size.numel, _count),
    (math.isqrt, _isqrt),
    (math.pow, _power),
    *FUNCTIONS_OF_MATH,
    *((getattr(math, name), _float_function(name)) for name in MATHEMATICAL),
    (math.log, _log),
    (math.gamma, _gamma),
    *((f, _with_chosen_function(f)) for f in (
        map, filter, functools.reduce, itertools.accumulate, itertools.dropwhile,
        itertools.filterfalse, itertools.groupby, itertools.starmap, itertools.takewhile,
    )),
]  # fmt: skip
_STAND_INS: dict[int, FunctionType] = {}


def called_instead(function: object, called: Callable[..., object]) -> None:
    """While a program is captured, its calls of ``function`` that sizes need are of ``called``."""
    assert isinstance(called, FunctionType)
    _STAND_INS[id(function)] = called
    stands_in(called.__code__)


def instead_of(function: object) -> Callable[..., object]:
    """What ``called_instead`` was told, or the function itself: its operator, where it is given

    sizes for plain numbers.
    """
    return _STAND_INS.get(id(function)) or through_schema(function)  # type: ignore[arg-type]


for _function, _called in _FUNCTIONS:
    called_instead(_function, _called)


# What Python and C ask of a number ---------------------------------------------------------------


def converted(tensor: Any, name: str) -> Any:
    """``int(tensor)`` or ``float(tensor)``, for a tensor of the program."""
    recorder = tensor.value.recorder
    if recorder.context.is_running and not recorder.knowledge.is_known(tensor.value):
        ask(recorder, sys._getframe(2), is_number=True)
    return getattr(torch.Tensor, f"__{name}__")(tensor)


def length_of(tensor: Any) -> Any:
    """``len(tensor)``, which C makes a plain number of."""
    if not tensor.dim():
        _ask_for_selection(tensor.value.recorder, sys._getframe(2))
        ask(tensor.value.recorder, sys._getframe(2), is_number=False)
        raise TypeError("len() of a 0-d tensor")
    size = tensor.shape[0]
    if isinstance(size, torch.SymInt):
        ask(tensor.value.recorder, sys._getframe(2), is_number=False)
    return size


def replacements(recorder: Recorder, mine: Mine) -> list[Replacement]:
    """What ``patches`` has to replace beside ``METHODS``: (owner, attribute, replacement)."""
    env = recorder.sizes.env
    methods: list[tuple[Any, str, Callable[..., Any]]] = [
        (torch.SymInt, "__hash__", _hash(recorder)),
        (torch.SymFloat, "__hash__", _hash(recorder)),
        (torch.SymBool, "__hash__", _hash(recorder)),
        (torch.SymInt, "__int__", _to_number(recorder, "int")),
        (torch.SymFloat, "__int__", _to_number(recorder, "int")),
        (torch.SymInt, "__float__", _to_number(recorder, "float")),
        (torch.SymFloat, "__float__", _to_number(recorder, "float")),
        (torch.SymInt, "__index__", _as_index(recorder)),
        (torch.SymBool, "__int__", _to_number(recorder, "int")),
        (torch.SymBool, "__float__", _to_number(recorder, "float")),
        (torch.SymBool, "__index__", _to_number(recorder, "int")),
    ]
    found: list[Replacement] = [
        *((kind, name, _of_ours(kind, name, method)) for kind, name, method in methods),
        (torch.SymInt, "__format__", _format(torch.SymInt.__format__)),
        (torch.SymFloat, "__format__", _format(torch.SymFloat.__format__)),
        (torch.SymBool, "__format__", _format(torch.SymBool.__format__)),
        (torch.SymBool, "__bool__", _truth(recorder)),
        (IntNode, "guard_int", _number_for_c(recorder)),
        (FloatNode, "guard_float", _float_for_c(recorder)),
        (torch, "_check_with", _check_with(env, torch._check_with, mine)),
        (torch, "_check_is_size", _check_is_size(torch._check_is_size, mine)),
    ]
    if "numpy" in sys.modules:
        for function, called in functions_of_numpy():
            called_instead(function, called)
    functional = torch.nn.functional
    attention = functional.scaled_dot_product_attention
    found.append((functional, "scaled_dot_product_attention", _with_truths(attention, mine)))
    return found


def _of_ours(kind: type, name: str, method: Callable[..., object]) -> Callable[..., object]:
    """``method`` for the numbers of a capture; another thread may have torch's own."""
    original = getattr(kind, name, None)

    def call(self: Any, *args: object) -> object:
        if isinstance(self.node, Node):
            return method(self, *args)
        if original is None:
            return float(operator.index(self)) if name == "__float__" else NotImplemented
        return original(self, *args)

    return call


def _with_truths(original: Callable[..., object], mine: Mine) -> Callable[..., object]:
    """Flags that come of ``n > 1 and ...`` are truths about sizes: C code wants plain ones."""

    @functools.wraps(original)
    def call(*args: object, **kwargs: object) -> object:
        if mine():
            args = tuple(bool(a) if isinstance(a, torch.SymBool) else a for a in args)
            for name, value in kwargs.items():
                if isinstance(value, torch.SymBool):
                    kwargs[name] = bool(value)
            return through_schema(original)(*args, **kwargs)
        return original(*args, **kwargs)

    return call


def _hash(recorder: Recorder) -> Callable[[Any], int]:
    """A dict finds a key by its hash, so the number must be the one of the example."""

    def identity(self: torch.SymInt | torch.SymFloat | torch.SymBool) -> int:
        env, content = self.node.env, self.node.content
        frame = sys._getframe(2)
        if isinstance(content, Expr):
            content = env.scope.normal(content)
        if isinstance(content, (int, float)):
            return hash(content)
        if isinstance(self, _SYMBOLIC) and is_looked_up(self, frame):
            return hash(env.hint(content))
        ask(recorder, frame, is_number=False)
        if catches(frame, TypeError):
            raise TypeError(f"unhashable type: {type(self).__name__}")
        if isinstance(content, Expr):
            why = "a size is a dictionary's key (or an argument of a cached function) here"
            return hash(env.fix(content, why))
        return hash(number_of(self))

    return identity


def _to_number(recorder: Recorder, name: str) -> Callable[[torch.SymInt | torch.SymFloat], float]:
    def convert(self: torch.SymInt | torch.SymFloat) -> float:
        if not self.node.is_constant():
            shown = _shown(self, sys._getframe(2))
            if shown is not None:
                return int(shown) if name == "int" else float(shown)
            ask(recorder, sys._getframe(2), is_number=True)
        number = number_of(self)
        return int(number) if name == "int" else float(number)

    return convert


def _format(
    original: Callable[[Any, str], object],
) -> Callable[[torch.SymInt | torch.SymFloat, str], str]:
    def format_number(self: torch.SymInt | torch.SymFloat, specification: str) -> str:
        if not specification:
            return str(original(self, ""))
        example = self.node.env.hint(self.node.content) if _is_of_ours(self) else None
        if example is not None and is_printed():
            return format(example, specification)
        return format(number_of(self), specification)

    return format_number


def _is_of_ours(number: object) -> bool:
    return isinstance(number, _SYMBOLIC) and isinstance(number.node, Node)


def _shown(number: torch.SymInt | torch.SymFloat, frame: FrameType) -> float | None:
    """The example's number, for a text that ``frame`` makes and that steers nothing."""
    if not _is_of_ours(number) or not is_printed_as_number(frame):
        return None
    env: ShapeEnv = number.node.env
    return env.hint(number.node.content)


def _as_index(recorder: Recorder) -> Callable[[torch.SymInt], int]:
    original = torch.SymInt.__index__

    def index(self: torch.SymInt) -> int:
        if not self.node.is_constant():
            shown = _shown(self, sys._getframe(2))
            if shown is not None:
                return int(shown)
            ask(recorder, sys._getframe(2), is_number=False)
            _ask_for_selection(recorder, sys._getframe(2))
        return original(self)  # type: ignore[no-untyped-call]

    return index


def _ask_for_selection(recorder: Recorder, frame: FrameType) -> None:
    """Capture again, with torch's own tensors indexed by numbers that vary, where that may help."""
    if recorder.context.is_running and not recorder.context.indexes and subscripts(frame):
        restart(recorder, NeedsIndexing())


def _number_for_c(recorder: Recorder) -> Callable[[IntNode, str, int], int]:
    original = IntNode.guard_int

    def guard_int(self: IntNode, file: str, line: int) -> int:
        if file and recorder.context.is_running and not self.is_constant():
            ask_for_operator(recorder, sys._getframe(1))
            _ask_for_selection(recorder, sys._getframe(1))
        return original(self, file, line)

    return guard_int


def _float_for_c(recorder: Recorder) -> Callable[[FloatNode, str, int], float]:
    original = FloatNode.guard_float

    def guard_float(self: FloatNode, file: str, line: int) -> float:
        if file and recorder.context.is_running and not self.is_constant():
            ask_for_operator(recorder, sys._getframe(1))
        return original(self, file, line)

    return guard_float


def _truth(recorder: Recorder) -> Callable[[torch.SymBool], bool]:
    original = torch.SymBool.__bool__

    def truth(self: torch.SymBool) -> bool:
        node = self.node
        if isinstance(node, BoolNode) and recorder.context.is_running and not node.is_constant():
            wanted, message = asserted(recorder, sys._getframe(1))
            if wanted is not None:
                test = node.content if wanted else negated(node.content)
                return recorder.sizes.env.require_by_program(test, message) is wanted
        return original(self)  # type: ignore[no-untyped-call]

    return truth


def asserted(recorder: Recorder, frame: FrameType) -> tuple[bool | None, str | None]:
    """What the truth that ``frame`` tests must be, because ``raise`` follows if it is not.

    None where both ways lead on. The message of the exception, where it is at hand, comes second.
    """
    ask(recorder, frame, is_number=False)
    found = assertion_at(frame)
    if found is None or may_be_caught(frames_of_user(2), (frame, found.statement)):
        return None, None
    return found.wanted, found.message(frame)


def _check_with(env: ShapeEnv, original: Callable[..., object], mine: Mine) -> Callable[..., None]:
    """``torch._check`` and its relatives: a fact, and an assertion of the program."""

    @functools.wraps(original)
    def check(error_type: object, condition: object, message: Callable[[], object] | None) -> None:
        if mine() and condition is True:  # torch imports sympy before it looks
            return
        if not mine() or not isinstance(condition, torch.SymBool):
            original(error_type, condition, message)
            return
        text = None if message is None else str(message())
        # Where the program may catch it, it is no assertion: as if an operator has failed.
        required = env.require if env.listener.is_caught() else env.require_by_program
        if not required(expression_of(condition), text):
            original(error_type, False, message)

    return check


def _check_is_size(original: Callable[..., object], mine: Mine) -> Callable[..., None]:
    @functools.wraps(original)
    def check(
        i: object,
        message: Callable[[], str] | None = None,
        *,
        max: int | None = None,  # noqa: A002
    ) -> None:
        if not mine() or not isinstance(i, torch.SymInt):
            original(i, message, max=max)
            return
        torch._check(i >= 0, message)
        if max is not None:
            torch._check(i <= max, message)

    return check
