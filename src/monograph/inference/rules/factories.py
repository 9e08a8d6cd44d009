"""Rules of factories, copies and joins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import torch

from monograph.inference.rules.pointwise import Number, elementwise, number_dtype
from monograph.inference.rules.table import (
    View,
    are_strides_channels_last,
    channels_last,
    describe,
    fresh,
    is_canonical,
    is_size,
    must_hold,
    must_hold_if_varies,
    resolve,
    rule,
    view,
)
from monograph.ir.spec import TensorSpec, contiguous_strides, is_dense
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal, not_less

aten = torch.ops.aten


class _Options(TypedDict, total=False):
    """What every factory may be told by name."""

    dtype: torch.dtype | None
    layout: torch.layout | None
    device: torch.device | None
    pin_memory: bool | None


@rule(aten.clone.default)
def _clone(x: TensorSpec, *, memory_format: torch.memory_format | None = None) -> TensorSpec | None:
    if memory_format is torch.contiguous_format:
        return fresh(x, x.shape)
    if memory_format not in (None, torch.preserve_format):
        return None
    return x if is_dense(x) else elementwise((x,), x.dtype)


@view(aten.to.dtype, in_order=True, itself=True, may_copy="format")
def _to_dtype(
    x: TensorSpec, dtype: torch.dtype, non_blocking: bool = False, copy: bool = False, *rest: object
) -> TensorSpec | View | None:
    if rest:
        return None
    if dtype == x.dtype and not copy:
        return View(x)
    if not is_dense(x):
        return elementwise((x,), dtype)
    return TensorSpec.of(x.shape, x.strides, dtype, x.device)


@rule(aten._to_copy.default)
def _to_copy(
    x: TensorSpec,
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
    **options: object,
) -> TensorSpec | View | None:
    if any(options.values()) or (device or x.device) != x.device:
        return None
    return _to_dtype(x, dtype or x.dtype, copy=True)


def _factory(
    shape: Sequence[Int],
    dtype: torch.dtype | None = None,
    layout: torch.layout | None = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
) -> TensorSpec | None:
    if layout not in (None, torch.strided) or not all(map(is_size, shape)):
        return None
    device = device or torch.device("cpu")
    if device.type == "cuda":
        return None  # the index of the current device is filled in by torch
    sizes = tuple(shape)
    strides = contiguous_strides(sizes)
    return TensorSpec.of(sizes, strides, dtype or torch.get_default_dtype(), device)


@rule(aten.zeros.default, aten.ones.default, aten.rand.default, aten.randn.default)
def _zeros(shape: Sequence[Int], **options: Unpack[_Options]) -> TensorSpec | None:
    return _factory(shape, **options)


@rule(aten.rand.generator, aten.randn.generator)
def _drawn(
    shape: Sequence[Int], *, generator: object, **options: Unpack[_Options]
) -> TensorSpec | None:
    return _factory(shape, **options)


@rule(aten.normal.float_float)
def _normal(
    mean: Number, deviation: Number, shape: Sequence[Int], *, generator: object = None,
    **options: Unpack[_Options],
) -> TensorSpec | None:  # fmt: skip
    return _factory(shape, **options)


@rule(aten.randint.default, aten.randint.generator)
def _randint(
    high: Int, shape: Sequence[Int], *, generator: object = None, **options: Unpack[_Options]
) -> TensorSpec | None:
    return _randint_from(0, high, shape, **options)


@rule(aten.randint.low, aten.randint.low_generator)
def _randint_from(
    low: Int, high: Int, shape: Sequence[Int], *, generator: object = None,
    **options: Unpack[_Options],
) -> TensorSpec | None:  # fmt: skip
    """An empty range is an error, whatever the size."""
    varying = low if isinstance(low, Expr) else high
    if not must_hold_if_varies(varying, not_less(high, low + 1)):
        return None
    return _filled(shape, torch.int64, options)


@rule(aten.randperm.default, aten.randperm.generator)
def _randperm(
    n: Int, *, generator: object = None, **options: Unpack[_Options]
) -> TensorSpec | None:
    return _filled((n,), torch.int64, options)


@rule(aten.empty.memory_format)
def _empty(
    shape: Sequence[Int],
    *,
    memory_format: torch.memory_format | None = None,
    **options: Unpack[_Options],
) -> TensorSpec | None:
    if memory_format not in (None, torch.contiguous_format):
        return None
    return _factory(shape, **options)


@rule(aten.full.default)
def _full(shape: Sequence[Int], fill: Number, **options: Unpack[_Options]) -> TensorSpec | None:
    return _filled(shape, number_dtype(fill), options)


def _filled(shape: Sequence[Int], dtype: torch.dtype, options: _Options) -> TensorSpec | None:
    """A factory's result whose dtype is ``dtype`` unless ``options`` name one."""
    chosen: _Options = {**options, "dtype": options.get("dtype") or dtype}
    return _factory(shape, **chosen)


def _range(start: Number, end: Number, step: Number, options: _Options) -> TensorSpec | None:
    """Integers only: floats are counted in floating point."""
    if any(isinstance(n, bool) for n in (start, end, step)) or not isinstance(step, int):
        return None
    if not isinstance(start, (int, Expr)) or not isinstance(end, (int, Expr)) or step == 0:
        return None
    length = -((start - end) // step) if step > 0 else -((end - start) // -step)
    return _filled((length,), torch.int64, options) if is_size(length) else None


@rule(aten.arange.default)
def _arange(end: Number, **options: Unpack[_Options]) -> TensorSpec | None:
    return _range(0, end, 1, options)


@rule(aten.arange.start)
def _arange_start(start: Number, end: Number, **options: Unpack[_Options]) -> TensorSpec | None:
    return _range(start, end, 1, options)


@rule(aten.arange.start_step)
def _arange_step(
    start: Number, end: Number, step: Number = 1, **options: Unpack[_Options]
) -> TensorSpec | None:
    return _range(start, end, step, options)


@rule(aten.eye.default)
def _eye(n: Int, **options: Unpack[_Options]) -> TensorSpec | None:
    return _factory((n, n), **options)


@rule(aten.eye.m)
def _eye_of(n: Int, m: Int, **options: Unpack[_Options]) -> TensorSpec | None:
    return _factory((n, m), **options)


@rule(aten.triu_indices.default)
def _triu_indices(
    rows: Int, columns: Int, offset: int = 0, **options: Unpack[_Options]
) -> TensorSpec | None:
    """Of a square: all places but those that lie lower."""
    if not isinstance(rows, Expr) or rows != columns or not is_size(rows):
        return None
    return _filled((2, rows * rows - _places_below(rows, offset - 1)), torch.int64, options)


@rule(aten.tril_indices.default)
def _tril_indices(
    rows: Int, columns: Int, offset: int = 0, **options: Unpack[_Options]
) -> TensorSpec | None:
    if not isinstance(rows, Expr) or rows != columns or not is_size(rows):
        return None
    return _filled((2, _places_below(rows, offset)), torch.int64, options)


def _places_below(n: Expr, offset: int) -> Int:
    """How many places of a square lie on a diagonal, or below it: a triangle, or all but one."""
    is_less = offset <= 0
    side = n.scope.positive_part(n + (offset if is_less else -offset - 1))
    triangle = (side * (side + 1)) // 2
    return triangle if is_less else n * n - triangle


@rule(aten.linspace.default, aten.logspace.default)
def _linspace(
    start: Number, end: Number, steps: Int, base: float = 10.0, **options: Unpack[_Options]
) -> TensorSpec | None:
    if not isinstance(steps, Expr) or isinstance(start, complex) or isinstance(end, complex):
        return None  # torch knows what it makes of plain numbers
    if not must_hold(steps, not_less(steps, 0)):
        return None
    return _filled((steps,), torch.get_default_dtype(), options)


@rule(aten.zeros_like.default, aten.ones_like.default, aten.empty_like.default)
def _like(
    x: TensorSpec,
    *,
    memory_format: torch.memory_format | None = None,
    **options: Unpack[_Options],
) -> TensorSpec | None:
    if memory_format not in (None, torch.preserve_format) or not _stays(x, options):
        return None
    dtype = options.get("dtype") or x.dtype
    if not is_dense(x):
        return elementwise((x,), dtype)
    return TensorSpec.of(x.shape, x.strides, dtype, x.device)


def _stays(x: TensorSpec, options: _Options) -> bool:
    """Whether a result with these options is strided, on the device of ``x``."""
    if options.get("layout") not in (None, torch.strided):
        return False
    return (options.get("device") or x.device) == x.device


@rule(aten.new_ones.default, aten.new_zeros.default, aten.new_empty.default)
def _new(x: TensorSpec, shape: Sequence[Int], **options: Unpack[_Options]) -> TensorSpec | None:
    if x.device.type == "cuda":
        return None
    placed: _Options = {**options, "device": options.get("device") or x.device}
    return _filled(shape, x.dtype, placed)


@rule(aten.new_full.default)
def _new_full(
    x: TensorSpec, shape: Sequence[Int], fill: Number, **options: Unpack[_Options]
) -> TensorSpec | None:
    return _new(x, shape, **options)


@rule(aten.full_like.default)
def _full_like(
    x: TensorSpec,
    fill: Number,
    *,
    memory_format: torch.memory_format | None = None,
    **options: Unpack[_Options],
) -> TensorSpec | None:
    return _like(x, memory_format=memory_format, **options)


@view(aten.to.dtype_layout, in_order=True, itself=True, may_copy="format")
def _to_dtype_layout(
    x: TensorSpec,
    *,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: torch.memory_format | None = None,
    **options: Unpack[_Options],
) -> TensorSpec | View | None:
    if memory_format is not None or not _stays(x, options):
        return None
    return _to_dtype(x, options.get("dtype") or x.dtype, non_blocking, copy)


@view(aten.to.device, in_order=True, itself=True, may_copy="format")
def _to_device(
    x: TensorSpec,
    device: torch.device,
    dtype: torch.dtype,
    non_blocking: bool = False,
    copy: bool = False,
    *rest: object,
) -> TensorSpec | View | None:
    return _to_dtype(x, dtype, non_blocking, copy, *rest) if device == x.device else None


@rule(aten.type_as.default)
def _type_as(x: TensorSpec, other: TensorSpec) -> TensorSpec | View | None:
    return _to_dtype(x, other.dtype) if other.device == x.device else None


describe(aten.to.other, in_order=True, itself=True, may_copy="format")
describe(aten.to.prim_Device, aten.to.prim_dtype, aten.to.prim_other, in_order=True, itself=True)


@rule(aten.cat.default)
def _cat(tensors: Sequence[TensorSpec], dim: int = 0) -> TensorSpec | None:
    tensors = [spec for spec in tensors if spec.shape != (0,)] or tensors  # these are left out
    first = tensors[0]
    at = resolve(first, dim)
    if at is None or any(
        spec.dtype != first.dtype
        or spec.device != first.device
        or len(spec.shape) != len(first.shape)
        or not _agree(spec, first, at)
        for spec in tensors
    ):
        return None
    shape = (*first.shape[:at], sum(spec.shape[at] for spec in tensors), *first.shape[at + 1 :])
    if len(shape) == 4 and all(_is_channels_last(spec) for spec in tensors):
        return channels_last(first, shape)
    return (
        fresh(first, shape) if len(shape) < 4 or any(map(_is_not_channels_last, tensors)) else None
    )


@rule(aten.hstack.default)
def _hstack(tensors: Sequence[TensorSpec]) -> TensorSpec | None:
    rank = min(len(spec.shape) for spec in tensors)
    return _cat(tensors, 1 if rank > 1 else 0) if rank else None


@rule(aten.vstack.default)
def _vstack(tensors: Sequence[TensorSpec]) -> TensorSpec | None:
    return _cat(tensors, 0) if min(len(spec.shape) for spec in tensors) > 1 else None


def _agree(spec: TensorSpec, first: TensorSpec, at: int | None = None) -> bool:
    """Whether all sizes, but for one, are equal; of those that vary, the operator demands it."""
    for i, (mine, other) in enumerate(zip(spec.shape, first.shape, strict=True)):
        if i == at or mine == other:
            continue
        varying = next((n for n in (mine, other) if isinstance(n, Expr)), None)
        if varying is None or not must_hold(varying, equal(mine, other)):
            return False
    return True


def _is_channels_last(spec: TensorSpec) -> bool:
    """Whether joining it with others like it gives a result that is channels-last."""
    return spec.scope is None and spec.numel > 0 and are_strides_channels_last(spec)


def _is_not_channels_last(spec: TensorSpec) -> bool:
    """Whether joining it, with whatever others, gives a row-major result."""
    if is_canonical(spec):
        return True
    if spec.scope is not None:
        return spec.strides[1] != 1
    return len(spec.shape) == 4 and not _is_channels_last(spec)


@rule(aten.stack.default)
def _stack(tensors: Sequence[TensorSpec], dim: int = 0) -> TensorSpec | None:
    first = tensors[0]
    rank = len(first.shape) + 1
    if not -rank <= dim < rank or any(
        spec.dtype != first.dtype
        or spec.device != first.device
        or len(spec.shape) != len(first.shape)
        or not _agree(spec, first)
        for spec in tensors
    ):
        return None
    at = dim % rank
    if at == rank - 1:  # else they are joined one after the other, and that dimension is divided
        tensors = [x.with_layout((*x.shape, 1), (*x.strides, 1)) for x in tensors]
    joined = _cat(tensors, at)
    if joined is None or not is_canonical(joined):
        return None
    return fresh(first, (*first.shape[:at], len(tensors), *first.shape[at:]))
