"""Functions of torch's whose signature in C wants plain numbers, called with sizes that vary.

``torch.linspace(0, 1, n)`` makes a number of ``n`` before any operator is called. The operator
itself is another matter: a graph may give it a number that is computed when the program runs. So
where the callee is chosen (see ``call_sites``), the operator is found by its schema and recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import BuiltinMethodType, MethodDescriptorType
from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from monograph.capture.current import running_recorder
from monograph.capture.operators.registry import handler_of
from monograph.ir.operators import is_random
from monograph.ir.schemas import fits
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr
from monograph.shapes.floats import FloatExpr
from monograph.torch_internals import (
    FunctionSchema,
    Operator,
    functorch_is_active,
    is_operator_function,
    only_vmap_is_active,
    operator_packet,
    schema_of,
    without_modes,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["calls_an_operator", "through_schema"]

_SYMBOLIC = (torch.SymInt, torch.SymFloat)
_PLAIN_TYPES = ("IntType", "FloatType")
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
# Numbers that decide what a graph looks like: which dimension, how many results.
_OF_FORM = frozenset({
    "dim", "dims", "dim0", "dim1", "dim2", "dimension", "axis", "axis0", "axis1", "start_dim",
    "end_dim", "source", "destination", "dims_self", "dims_other", "chunks", "sections",
    "batch_dim", "index", "enum",
})  # fmt: skip


def calls_an_operator(function: object) -> bool:
    """Whether it is a function in C, or a tensor's method, that calls an operator of its name."""
    if type(function) is MethodDescriptorType:
        return issubclass(torch.Tensor, function.__objclass__)
    if type(function) is not BuiltinMethodType:
        return False
    return _is_ours(function.__self__) or is_operator_function(function)


def _is_ours(owner: object) -> TypeGuard[torch.Tensor]:
    return isinstance(owner, torch.Tensor) and hasattr(owner, "value")


def through_schema(function: Callable[..., object]) -> Callable[..., object]:
    """``function``, but where a size that varies is given for a plain number: then its operator.

    Flags are plain truths in all of them: those about sizes are asked for.
    """

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        if running_recorder() is not None:
            args = tuple(map(_plain_truth, args))
            kwargs = {name: _plain_truth(value) for name, value in kwargs.items()}
        if any(_is_symbolic(arg) or _is_count(arg) for arg in (*args, *kwargs.values())):
            recorder = running_recorder()
            owner = getattr(function, "__self__", None)
            all_args = (owner, *args) if _is_ours(owner) else args
            if recorder is not None and _is_recorded_as_called(recorder, all_args, kwargs):
                found = _operator(recorder, function.__name__, all_args, kwargs)
                if found is not None and not (functorch_is_active() and is_random(found[0])):
                    op, positional, named = found
                    with without_modes():
                        return handler_of(op)(recorder, op, positional, named)
        return function(*args, **kwargs)

    return call


def _is_recorded_as_called(
    recorder: Recorder, args: tuple[object, ...], kwargs: dict[str, object]
) -> bool:
    """Whether no mode or transform of torch's would make something else of the call.

    What takes no tensor is the same in all rows of ``vmap``.
    """
    if recorder.context.above_autograd or recorder.context.autocast:
        return False
    if only_vmap_is_active():
        return not _holds_tensor((*args, *kwargs.values()))
    return not functorch_is_active()


def _holds_tensor(arg: object) -> bool:
    if isinstance(arg, (list, tuple)):
        return any(map(_holds_tensor, arg))
    return isinstance(arg, torch.Tensor)


def _plain_truth(arg: object) -> object:
    return bool(arg) if isinstance(arg, torch.SymBool) else arg


def _is_symbolic(arg: object) -> bool:
    if isinstance(arg, (list, tuple)):
        return any(map(_is_symbolic, arg))
    return isinstance(arg, _SYMBOLIC)


def _is_count(arg: object) -> bool:
    """Whether it is a tensor of one integer, which torch takes for a plain one."""
    return _is_ours(arg) and arg.ndim == 0 and arg.dtype in _INTEGERS


def _operator(
    recorder: Recorder, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Operator, tuple[Any, ...], dict[str, Any]] | None:
    """The operator that such a call means, if one of its plain numbers varies: a size, a tensor.

    With it come its arguments: some of those by name are Python's alone.
    """
    packet = operator_packet("aten", name)
    if packet is None:
        return None
    named = dict(kwargs)
    for option, nothing in (("out", None), ("requires_grad", False)):
        if option in named and named[option] is nothing:
            del named[option]
    overloads = [getattr(packet, overload) for overload in packet.overloads()]
    for takes_counts in (False, True):
        for op in overloads:
            schema = schema_of(op)
            if schema.is_mutable and not ("out" in named and _writes_out_alone(schema)):
                continue
            bound = _bound(recorder, schema.arguments, args, named, takes_counts=takes_counts)
            if bound is not None:
                return (op, *bound[1:]) if bound[0] else None
    return None


def _writes_out_alone(schema: FunctionSchema) -> bool:
    return all(a.is_out for a in schema.arguments if a.alias_info is not None)


def _bound(
    recorder: Recorder,
    arguments: list[Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    takes_counts: bool,
) -> tuple[bool, tuple[Any, ...], dict[str, Any]] | None:
    """The arguments as the schema wants them; None where they do not fit.

    First comes whether one of its plain numbers varies: a size, or a tensor of one integer, where
    such are taken for plain ones.
    """
    by_position = [argument for argument in arguments if not argument.kwarg_only]
    if len(args) > len(by_position) or {a.name for a in by_position[: len(args)]} & kwargs.keys():
        return None
    given = dict(zip((a.name for a in by_position), args, strict=False)) | kwargs
    varies, counts = False, list[str]()
    for argument in arguments:
        if argument.name not in given:
            if not argument.has_default_value():
                return None
            continue
        kind, value = argument.real_type, given[argument.name]
        if takes_counts and kind.kind() == "IntType" and _is_count(value):
            counts.append(argument.name)
            continue
        content = recorder.to_specs(value)
        if not _takes(kind, content):
            return None
        if kind.kind() == "ListType" and argument.N and not isinstance(value, (list, tuple)):
            given[argument.name] = [value] * argument.N
        varies = varies or (argument.name not in _OF_FORM and _is_plain_and_varies(kind, content))
    if given.keys() - {argument.name for argument in arguments}:
        return None
    for name in counts:
        given[name] = given[name].item()
    return varies or bool(counts), _in_order(by_position, given), given


def _in_order(by_position: list[Any], given: dict[str, Any]) -> tuple[Any, ...]:
    """What is ``given`` by position, taken out of it: as torch's dispatcher hands it on.

    That is all up to the last one, also what was given by name or not at all.
    """
    last = max((i for i, a in enumerate(by_position) if a.name in given), default=-1)
    return tuple(given.pop(a.name, a.default_value) for a in by_position[: last + 1])


def _takes(kind: torch.JitType, value: object) -> bool:
    """Whether an argument of a schema takes it; a number never stands for a tensor here."""
    return fits(kind, value) and not (kind.kind() == "TensorType" and type(value) is not TensorSpec)


def _is_plain_and_varies(kind: torch.JitType, value: object) -> bool:
    """Whether a size that varies is given for what a schema calls a plain number."""
    if kind.kind() in ("OptionalType", "ListType"):
        items = value if isinstance(value, (list, tuple)) else [value]
        return any(_is_plain_and_varies(kind.getElementType(), item) for item in items)
    return kind.kind() in _PLAIN_TYPES and isinstance(value, (Expr, FloatExpr))
