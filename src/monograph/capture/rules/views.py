"""Rules of views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from monograph.capture.abstract import TensorSpec, contiguous_strides
from monograph.capture.rules.table import View, fresh, is_canonical, resolve, rule

aten = torch.ops.aten
Found = Any


def _view_strides(spec: TensorSpec, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The strides that give ``spec``'s memory another shape; None where it needs a copy.

    Groups of old dimensions that lie without gaps are matched, from the right, with groups of
    new dimensions of the same product.
    """
    if spec.numel == 0:
        return None
    if is_canonical(spec):
        return contiguous_strides(tuple(shape))
    strides = [0] * len(shape)
    new = len(shape) - 1
    chunk_stride = spec.strides[-1] if spec.strides else 1
    chunk, matched = 1, 1
    for old in range(len(spec.shape) - 1, -1, -1):
        chunk *= spec.shape[old]
        ends = old == 0 or (
            spec.shape[old - 1] != 1 and spec.strides[old - 1] != chunk * chunk_stride
        )
        if not ends:
            continue
        while new >= 0 and (matched < chunk or shape[new] == 1):
            strides[new] = matched * chunk_stride
            matched *= shape[new]
            new -= 1
        if matched != chunk:
            return None
        if old > 0:
            chunk_stride = spec.strides[old - 1]
            chunk, matched = 1, 1
    return tuple(strides) if new < 0 else None


def _complete(spec: TensorSpec, shape: Sequence[int]) -> tuple[int, ...] | None:
    """``shape`` with its -1 worked out."""
    known = math.prod(size for size in shape if size != -1)
    holes = sum(size == -1 for size in shape)
    if holes == 0:
        return tuple(shape) if known == spec.numel else None
    if holes > 1 or known <= 0 or spec.numel % known:
        return None
    return tuple(spec.numel // known if size == -1 else size for size in shape)


@rule(aten.view.default, aten._unsafe_view.default)
def _view(x: TensorSpec, shape: Sequence[int]) -> Found:
    complete = _complete(x, shape)
    strides = None if complete is None else _view_strides(x, complete)
    return None if complete is None or strides is None else View(x.with_layout(complete, strides))


@rule(aten.reshape.default)
def _reshape(x: TensorSpec, shape: Sequence[int]) -> Found:
    complete = _complete(x, shape)
    if complete is None or x.numel == 0:
        return None
    strides = _view_strides(x, complete)
    return fresh(x, complete) if strides is None else View(x.with_layout(complete, strides))


@rule(aten.flatten.using_ints)
def _flatten(x: TensorSpec, start: int = 0, end: int = -1) -> Found:
    first, last = resolve(x, start), resolve(x, end)
    if first is None or last is None or first > last:
        return None
    shape = (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    return View(x) if first == last else _reshape(x, shape)


@rule(aten.unflatten.int)
def _unflatten(x: TensorSpec, dim: int, sizes: Sequence[int]) -> Found:
    at = resolve(x, dim)
    if at is None or any(size < 0 for size in sizes):
        return None
    return _view(x, (*x.shape[:at], *sizes, *x.shape[at + 1 :]))


@rule(aten.transpose.int)
def _transpose(x: TensorSpec, first: int, second: int) -> Found:
    a, b = resolve(x, first), resolve(x, second)
    if a is None or b is None:
        return None
    order = list(range(len(x.shape)))
    order[a], order[b] = order[b], order[a]
    return _permute(x, order)


@rule(aten.permute.default)
def _permute(x: TensorSpec, order: Sequence[int]) -> Found:
    dims = [resolve(x, dim) for dim in order]
    if None in dims or len(set(dims)) != len(x.shape) or len(dims) != len(x.shape):
        return None
    sizes = tuple(x.shape[dim] for dim in dims if dim is not None)
    return View(x.with_layout(sizes, tuple(x.strides[dim] for dim in dims if dim is not None)))


@rule(aten.t.default)
def _t(x: TensorSpec) -> Found:
    return _permute(x, range(len(x.shape))[::-1]) if len(x.shape) <= 2 else None


@rule(aten.unsqueeze.default)
def _unsqueeze(x: TensorSpec, dim: int) -> Found:
    rank = len(x.shape) + 1
    if not -rank <= dim < rank:
        return None
    at = dim % rank
    stride = x.shape[at] * x.strides[at] if at < len(x.shape) else 1
    return View(
        x.with_layout((*x.shape[:at], 1, *x.shape[at:]), (*x.strides[:at], stride, *x.strides[at:]))
    )


@rule(aten.squeeze.dim)
def _squeeze(x: TensorSpec, dim: int) -> Found:
    at = resolve(x, dim)
    if at is None:
        return None
    if x.shape[at] != 1:
        return View(x)
    return View(
        x.with_layout(x.shape[:at] + x.shape[at + 1 :], x.strides[:at] + x.strides[at + 1 :])
    )


@rule(aten.select.int)
def _select(x: TensorSpec, dim: int, index: int) -> Found:
    at = resolve(x, dim)
    if at is None or not -x.shape[at] <= index < x.shape[at]:
        return None
    spec = x.with_layout(x.shape[:at] + x.shape[at + 1 :], x.strides[:at] + x.strides[at + 1 :])
    return View(spec, (index % x.shape[at]) * x.strides[at])


@rule(aten.slice.Tensor)
def _slice(
    x: TensorSpec, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Found:
    at = resolve(x, dim)
    if at is None or step <= 0:
        return None
    size = x.shape[at]
    first, last, step = slice(start, end, step).indices(size)
    last = max(last, first)
    sizes = list(x.shape)
    strides = list(x.strides)
    sizes[at] = (last - first + step - 1) // step
    strides[at] *= step
    return View(x.with_layout(tuple(sizes), tuple(strides)), first * x.strides[at])


@rule(aten.expand.default)
def _expand(x: TensorSpec, shape: Sequence[int], *, implicit: bool = False) -> Found:
    added = len(shape) - len(x.shape)
    if added < 0:
        return None
    sizes, strides = list(shape), [0] * len(shape)
    for i in range(len(shape)):
        if i < added:
            if sizes[i] < 0:
                return None
            strides[i] = 0
            continue
        old, stride = x.shape[i - added], x.strides[i - added]
        if sizes[i] in (-1, old):
            sizes[i], strides[i] = old, stride
        elif old != 1:
            return None
    if any(sizes[i] == 1 for i in range(added)):
        return None  # the stride of a new dimension of size 1 is a special case
    return View(x.with_layout(tuple(sizes), tuple(strides)))


@rule(aten.split.Tensor)
def _split(x: TensorSpec, size: int, dim: int = 0) -> Found:
    at = resolve(x, dim)
    if at is None or size <= 0 or x.shape[at] == 0:
        return None
    return [_slice(x, at, i, i + size) for i in range(0, x.shape[at], size)]


@rule(aten.chunk.default)
def _chunk(x: TensorSpec, chunks: int, dim: int = 0) -> Found:
    at = resolve(x, dim)
    if at is None or chunks <= 0 or x.shape[at] == 0:
        return None
    return _split(x, -(-x.shape[at] // chunks), at)


@rule(aten.unbind.int)
def _unbind(x: TensorSpec, dim: int = 0) -> Found:
    at = resolve(x, dim)
    return None if at is None else [_select(x, at, i) for i in range(x.shape[at])]


@rule(aten.detach.default, aten.alias.default, aten.lift_fresh.default)
def _same(x: TensorSpec) -> Found:
    return View(x)


@rule(aten.contiguous.default)
def _contiguous(x: TensorSpec, *, memory_format: Any = torch.contiguous_format) -> Found:
    if memory_format is not torch.contiguous_format:
        return None
    return View(x) if x.is_contiguous() else fresh(x, x.shape)
