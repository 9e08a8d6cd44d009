"""Operators with hidden side effects, and those that are more, or less, than a node."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from monograph.capture.current import running_recorder
from monograph.capture.operators.mutation import check_write, store
from monograph.capture.operators.registry import handles, handles_kind, replaces
from monograph.capture.python.redirect import copied
from monograph.diagnostics import ControlFlowError, PythonFeatureError
from monograph.inference.rules.table import is_canonical
from monograph.shapes.expr import Expr
from monograph.shapes.questions import not_less
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import (
    HigherOrderOperator,
    Operator,
    detect_causal_mask,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

aten = torch.ops.aten
profiler = torch.ops.profiler


@handles_kind("higher order")
def _control_flow(
    recorder: Recorder,
    op: Operator | HigherOrderOperator,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> NoReturn:
    raise ControlFlowError(
        f"the higher-order operator {op} is not captured",
        code="MG-C120",
        where=recorder.here(),
        hint="use cond, while_loop, map, scan or associative_scan.",
    )


@handles(aten._assert_scalar.default)
def _assert_scalar(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """An assertion in a program that is itself a graph."""
    condition, message = args
    if isinstance(condition, torch.SymBool):
        condition = recorder.sizes.env.require(expression_of(condition), message)
    if not condition:
        raise RuntimeError(message)


@handles(
    profiler._record_function_enter.default, profiler._record_function_enter_new.default,
    profiler._record_function_exit.default, profiler._record_function_exit._RecordFunction,
)  # fmt: skip
def _profiled(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """A part of the program that has a name in profiles: of the capture's run, of no graph."""
    return op(*args, **kwargs)


@handles(
    aten.where.self, aten.where.ScalarSelf, aten.where.ScalarOther, aten.where.Scalar,
    aten.where.default, aten.index.Tensor, aten.index_put.default,
)  # fmt: skip
def _with_mask(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """A tensor of bytes is a mask to the kernels, as of old; not so to all who read graphs."""
    if op._opname == "where":
        args = (_truths(recorder, args[0]), *args[1:])
    else:
        places = [_truths(recorder, place) for place in args[1]]
        if op is aten.index.Tensor:
            places = _with_rows(recorder, places)
        args = (args[0], places, *args[2:])
    return recorder.record(op, args, kwargs)


def _with_rows(recorder: Recorder, places: list[torch.Tensor | None]) -> list[torch.Tensor | None]:
    """A number among rows of numbers as one row of it: torch's fake tensors forget the others."""
    ranks = [place.dim() for place in places if place is not None]
    if 0 not in ranks or not any(ranks):
        return places
    return [
        place
        if place is None or place.dim() or place.dtype == torch.bool
        else recorder.call(aten.unsqueeze.default, (place, 0), {})
        for place in places
    ]


def _truths(recorder: Recorder, mask: torch.Tensor | None) -> torch.Tensor | None:
    if mask is None or mask.dtype is not torch.uint8:
        return mask
    return recorder.call(aten._to_copy.default, (mask,), {"dtype": torch.bool})


@handles(aten.meshgrid.default)
def _meshgrid(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """As of old the first dimension is that of the first tensor; torch's fake wants it said."""
    return recorder.record(aten.meshgrid.indexing, args, {"indexing": "ij"})


@handles(aten.conv1d.default)
def _conv1d(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """Of a transposed tensor the kernel makes a row-major copy, unless its length is 1.

    Where the length varies, the copy is made for all lengths, and so the result's layout is known.
    """
    x, *rest = args
    spec = recorder.value_of(x).spec
    if spec.scope is not None and not is_canonical(spec):
        args = (recorder.record(aten.contiguous.default, (x,)), *rest)
    return recorder.record(op, args, kwargs)


@handles(aten.sym_constrain_range.default, aten.sym_constrain_range_for_size.default)
def _constrain_range(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    size, env = expression_of(args[0]), recorder.sizes.env
    bounds = {"min": None, "max": None} | dict(zip(("min", "max"), args[1:], strict=False)) | kwargs
    if op is aten.sym_constrain_range_for_size.default and bounds["min"] is None:
        bounds["min"] = 0
    for test in (
        True if bounds["min"] is None else not_less(size, bounds["min"]),
        True if bounds["max"] is None else not_less(bounds["max"], size),
    ):
        if not env.require(test):
            raise RuntimeError(f"Invalid value range for {size!r}")


@handles(aten._make_dual.default, aten._unpack_dual.default)
def _dual(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> NoReturn:
    raise PythonFeatureError(
        "forward-mode differentiation with dual tensors is not captured",
        code="MG-P107",
        where=recorder.here(),
        hint="use torch.func.jvp or torch.func.jacfwd.",
    )


@handles(aten.batch_norm.default, aten.native_batch_norm.default)
def _batch_norm(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """In training mode the kernel writes its running statistics, unknown to its schema."""
    if len(args) > 5 and (not args[5] or args[3] is None):
        return recorder.record(op, args, kwargs)
    names = [a.name for a in op._schema.arguments]
    given = dict(zip(names, args, strict=False)) | kwargs
    mean, var = given["running_mean"], given["running_var"]
    if not given["training"] or mean is None or given["input"].dim() < 2:  # nothing to write
        return recorder.record(op, args, kwargs)
    count = recorder.value_of(given["input"]).spec.numel
    if isinstance(count, Expr):  # of nothing there are no statistics, and the kernel wants some
        recorder.sizes.env.require(not_less(count, 1), "batch norm in training: at least one value")
    values = [given[n] for n in names[:8]]
    output, saved_mean, saved_rstd, new_mean, new_var = recorder.record(
        aten._native_batch_norm_legit_functional.default, tuple(values)
    )
    for target, content in ((mean, new_mean), (var, new_var)):
        check_write(recorder, op, target)
        store(recorder, target, content)
    if op is aten.batch_norm.default:
        return output
    return output, saved_mean, saved_rstd


@handles(aten._pad_packed_sequence.default)
def _pad_packed_sequence(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    """The kernel wants a plain number for the length, or 0 for that of the longest sequence."""
    data, batch_sizes, batch_first, filling, total = args
    if not isinstance(total, torch.SymInt):
        return recorder.record(op, args, kwargs)
    longest = batch_sizes.shape[0]
    padded, lengths = recorder.record(op, (data, batch_sizes, False, filling, 0))
    if expression_of(total) != expression_of(longest):
        missing = [0, 0] * (padded.dim() - 1) + [0, total - longest]
        padded = recorder.record(aten.constant_pad_nd.default, (padded, missing, filling))
    if batch_first:
        padded = recorder.record(aten.transpose.int, (padded, 0, 1))
    return padded, lengths


@handles(aten.instance_norm.default)
def _instance_norm(
    recorder: Recorder, op: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    if args[3] is None or not args[5]:
        return recorder.record(op, args, kwargs)
    in_order = recorder.call(aten.contiguous.default, (args[0],))
    return recorder.opened(op, (in_order, *args[1:]), kwargs)


_shapes_as_torch_has_it = copied(torch.functional.broadcast_shapes)  # type: ignore[arg-type]
_detect_causal_mask = copied(detect_causal_mask)  # type: ignore[arg-type]


@replaces(torch.functional.broadcast_shapes)
def _broadcast_shapes(*shapes: int | Sequence[int]) -> torch.Size:
    """``torch.broadcast_shapes``: its own code takes a size that may be 1 for one that is not."""
    sizes = [(shape,) if isinstance(shape, (int, torch.SymInt)) else shape for shape in shapes]
    if running_recorder() is None or not any(
        isinstance(size, torch.SymInt) for shape in sizes for size in shape
    ):
        return torch.Size(_shapes_as_torch_has_it(*shapes))
    found: list[int] = []
    for places in itertools.zip_longest(*map(reversed, sizes), fillvalue=1):
        longest = 1
        for size in places:
            if longest == 1:
                longest = size
            elif size != 1 and size != longest:
                raise RuntimeError(f"shapes {sizes} cannot be broadcast to one shape")
        found.insert(0, longest)
    return torch.Size(found)


@replaces(detect_causal_mask)
def _is_causal(
    mask: torch.Tensor | None, is_causal: bool | None = None, size: int | None = None
) -> bool:
    """Whether ``nn.TransformerEncoder`` tells its layers that a mask is causal: a hint for kernels.

    The layers have the mask itself, too. So where only a run knows what is in it, no is an answer
    that is right for all masks.
    """
    recorder = running_recorder()
    if (
        recorder is not None
        and is_causal is None
        and isinstance(mask, torch.Tensor)
        and not recorder.knowledge.is_known(recorder.value_of(mask))
    ):
        return False
    return _detect_causal_mask(mask, is_causal, size)
