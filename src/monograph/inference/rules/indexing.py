"""Rules of indexing, padding, and what keeps the layout of its argument."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch

from monograph.inference.rules.pointwise import category, elementwise
from monograph.inference.rules.table import (
    View,
    broadcast,
    fresh,
    is_canonical,
    is_size,
    must_hold_if_varies,
    resolve,
    rule,
    tied,
)
from monograph.ir.spec import TensorSpec, contiguous_strides, is_dense
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import not_less

aten = torch.ops.aten


@rule(aten.index.Tensor)
def _index(x: TensorSpec, indices: Sequence[TensorSpec | None]) -> TensorSpec | None:
    """By integers."""
    given = [(i, spec) for i, spec in enumerate(indices) if spec is not None]
    if not given:
        return None
    is_fixed = all(spec.scope is None for spec in (x, *(s for _, s in given)))
    if is_fixed or not all(is_canonical(spec) for _, spec in given):
        return _index_as_laid(x, given)
    if any(spec.dtype not in (torch.int64, torch.int32) for _, spec in given):
        return None
    shape = broadcast([spec.shape for _, spec in given])
    if shape is None:
        return None
    if len(given) < len(x.shape) and not is_canonical(x):
        return _index_as_laid(x, given)
    first, last = given[0][0], given[-1][0]
    if last - first + 1 != len(given):
        return None
    return fresh(x, (*x.shape[:first], *shape, *x.shape[last + 1 :]))


def _index_as_laid(x: TensorSpec, given: Sequence[tuple[int, TensorSpec]]) -> TensorSpec | None:
    """As the iterator over the indices and the rest of ``x`` lays it out."""
    first, last = given[0][0], given[-1][0]
    shape = broadcast([spec.shape for _, spec in given])
    if shape is None or last - first + 1 != len(given) or last >= len(x.shape) or x.numel == 0:
        return None
    before, after = x.shape[:first], x.shape[last + 1 :]
    if 1 in (*before, *after) or not all(_may_index(x, spec) for _, spec in given):
        return None
    sizes = (*before, *shape, *after)
    rest = (*x.strides[:first], *(0 for _ in shape), *x.strides[last + 1 :])
    operands = [x.with_layout(sizes, rest)]
    for _, spec in given:
        missing = len(shape) - len(spec.shape)
        pairs = zip(spec.shape, shape[missing:], spec.strides, strict=True)
        own = [0 if n == 1 != size else step for n, size, step in pairs]
        steps = (*(0 for _ in before), *(0 for _ in range(missing)), *own, *(0 for _ in after))
        operands.append(x.with_layout(sizes, steps))
    return elementwise(operands, x.dtype)


def _may_index(x: TensorSpec, index: TensorSpec) -> bool:
    is_integer = index.dtype in (torch.int64, torch.int32) and index.device == x.device
    return is_integer and (is_canonical(index) or 1 not in index.shape)


@rule(aten.index_put.default)
def _index_put(
    x: TensorSpec,
    indices: Sequence[TensorSpec | None],
    values: TensorSpec,
    accumulate: bool = False,
) -> TensorSpec | None:
    """A copy of ``x``, with a number, or as many as there are places, in some of its places."""
    if values.dtype != x.dtype or values.device != x.device or x.scope is None:
        return None
    at = 0
    for spec in indices:
        taken = _taken(x, at, spec)
        if taken is None:
            return None
        at += taken
    if values.shape:
        found = _index(x, indices)
        if found is None or not _are_stretched(values.shape, found.shape):
            return None
    return x if is_dense(x) else elementwise((x,), x.dtype)


def _taken(x: TensorSpec, at: int, index: TensorSpec | None) -> int | None:
    """How many dimensions of ``x`` an index is about, from this one; None for what is none."""
    count = len(index.shape) if index is not None and index.dtype is torch.bool else 1
    if at + count > len(x.shape):
        return None
    if index is None or index.dtype in (torch.int64, torch.int32):
        return 1
    if index.dtype is not torch.bool or not count:
        return None
    return count if tied(zip(index.shape, x.shape[at : at + count], strict=True)) else None


def _are_stretched(sizes: Sequence[Int], whole: Sequence[Int]) -> bool:
    """Whether each is 1, or as it is there."""
    pairs = zip(reversed(sizes), reversed(whole), strict=False)
    return len(sizes) <= len(whole) and tied((), stretched=((n, m) for n, m in pairs if n != 1))


@rule(aten.pad_sequence.default)
def _pad_sequence(
    sequences: Sequence[TensorSpec], batch_first: bool = False, value: float = 0.0,
    side: str = "right",
) -> TensorSpec | None:  # fmt: skip
    """With lengths that vary: the longest is their maximum, whichever it is."""
    first = sequences[0]
    scope = next((spec.scope for spec in sequences if spec.scope is not None), None)
    if scope is None or any(
        spec.dtype != first.dtype or len(spec.shape) != len(first.shape) or not spec.shape
        for spec in sequences
    ):
        return None
    if not tied(
        pair for spec in sequences for pair in zip(spec.shape[1:], first.shape[1:], strict=True)
    ):
        return None
    longest = reduce(scope.maximum, (spec.shape[0] for spec in sequences))
    batch = (len(sequences), longest) if batch_first else (longest, len(sequences))
    return fresh(first, (*batch, *first.shape[1:]))


@rule(aten.embedding.default)
def _embedding(table: TensorSpec, index: TensorSpec, *rest: object) -> TensorSpec | None:
    if len(table.shape) != 2 or index.dtype not in (torch.int64, torch.int32):
        return None
    return fresh(table, (*index.shape, table.shape[1]))


@rule(aten.index_select.default)
def _index_select(x: TensorSpec, dim: int, index: TensorSpec) -> TensorSpec | None:
    at = resolve(x, dim)
    is_of_places = index.dtype in (torch.int64, torch.int32) and len(index.shape) == 1
    if at is None or not is_of_places or index.device != x.device:
        return None
    if x.scope is None and (index.scope is None or x.numel == 0):
        return None
    return fresh(x, (*x.shape[:at], index.shape[0], *x.shape[at + 1 :]))


@rule(aten.cumsum.default)
def _cumsum(x: TensorSpec, dim: int, *, dtype: torch.dtype | None = None) -> TensorSpec | None:
    if x.scope is None or resolve(x, dim) is None or not is_dense(x):
        return None
    found = dtype or (torch.int64 if category(x.dtype) < 2 else x.dtype)
    return TensorSpec.of(x.shape, contiguous_strides(x.shape), found, x.device)


@rule(aten.cumprod.default)
def _cumprod(x: TensorSpec, dim: int, *, dtype: torch.dtype | None = None) -> TensorSpec | None:
    return _cumsum(x, dim, dtype=dtype)


@rule(aten.logcumsumexp.default)
def _logcumsumexp(x: TensorSpec, dim: int) -> TensorSpec | None:
    return _cumsum(x, dim) if category(x.dtype) == 2 else None


@rule(aten.bucketize.Tensor)
def _bucketize(
    x: TensorSpec, bounds: TensorSpec, *, out_int32: bool = False, right: bool = False
) -> TensorSpec | None:
    return _searchsorted(bounds, x, out_int32=out_int32) if len(bounds.shape) == 1 else None


@rule(aten.searchsorted.Tensor)
def _searchsorted(
    bounds: TensorSpec, x: TensorSpec, *, out_int32: bool = False, **options: object
) -> TensorSpec | None:
    is_fitting = len(bounds.shape) == 1 or bounds.shape[:-1] == x.shape[:-1]
    if not is_fitting or not x.shape or not bounds.shape or bounds.dtype != x.dtype:
        return None
    if options.get("sorter") is not None or bounds.device != x.device or x.scope is None:
        return None
    return fresh(x, x.shape, torch.int32 if out_int32 else torch.int64)


@rule(aten.dropout.default)
def _dropout(x: TensorSpec, p: float, train: bool) -> View | TensorSpec | None:
    if not train or p == 0:
        return View(x)
    return x if is_canonical(x) and 0 < p < 1 and (x.scope is not None or x.numel) else None


@rule(aten.diff.default)
def _diff(
    x: TensorSpec,
    n: int = 1,
    dim: int = -1,
    prepend: TensorSpec | None = None,
    append: TensorSpec | None = None,
) -> TensorSpec | None:
    at = resolve(x, dim)
    if at is None or n < 1 or x.scope is None:
        return None
    total: Int = x.shape[at]
    for more in (prepend, append):
        if more is not None:
            if len(more.shape) != len(x.shape) or more.dtype != x.dtype:
                return None
            total = more.shape[at] + total
    if not isinstance(total, Expr):
        return None
    length = total.scope.positive_part(total - n)
    dtype = torch.bool if x.dtype is torch.bool else None
    return fresh(x, (*x.shape[:at], length, *x.shape[at + 1 :]), dtype)


@rule(aten.slice_scatter.default, aten.select_scatter.default, aten.diagonal_scatter.default)
def _scatter_into(x: TensorSpec, source: TensorSpec, *where: object) -> TensorSpec | None:
    if x.scope is None and source.scope is None:
        return None
    is_expanded = any(n != 1 and step == 0 for n, step in zip(x.shape, x.strides, strict=True))
    return None if source.dtype != x.dtype or is_expanded else x  # gaps and all


@rule(aten.pad.default, aten.constant_pad_nd.default)
def _pad(x: TensorSpec, pads: Sequence[Int], *rest: object) -> TensorSpec | None:
    """With zeros or another constant; ``pads`` counts from the last dimension."""
    if rest and isinstance(rest[0], str) and rest[0] != "constant":
        return _padded_with_its_own(x, pads, rest[0])
    if len(pads) % 2 or len(pads) > 2 * len(x.shape):
        return None
    if not is_canonical(x) and (not _is_made_in_order(x) or not any(map(_is_some, pads))):
        return None  # of nothing it is a clone, which lies as it does
    shape = list(x.shape)
    for i in range(len(pads) // 2):
        size = shape[-1 - i] + pads[2 * i] + pads[2 * i + 1]
        if not is_size(size) or (size == 0 and x.scope is None):
            return None
        shape[-1 - i] = size
    return fresh(x, shape)


def _is_made_in_order(x: TensorSpec) -> bool:
    """Whether what is made in the format of ``x`` is in row-major order: it is no image's."""
    rank = len(x.shape)
    return x.scope is not None and (rank < 4 or (rank == 4 and x.strides[1] != 1))


def _is_some(pad: Int) -> bool:
    return isinstance(pad, int) and pad > 0


def _padded_with_its_own(x: TensorSpec, pads: Sequence[Int], mode: str) -> TensorSpec | None:
    """Of samples, or of a batch of them, in one to three dimensions; no other may be empty."""
    count, rank = len(pads) // 2, len(x.shape)
    if x.scope is None or len(pads) % 2 or not 1 <= count <= 3:
        return None
    if not is_canonical(x) and count > 1:
        return None
    if rank - count not in (1, 2) or not all(isinstance(pad, int) and pad >= 0 for pad in pads):
        return None
    shape = list(x.shape)
    for at in range(rank - count - 1, rank):
        longest = max(pads[2 * (rank - 1 - at) :][:2]) if at >= rank - count else 0
        least = {"reflect": longest + 1, "circular": longest}.get(mode, 1)
        if least and not must_hold_if_varies(shape[at], not_less(shape[at], least)):
            return None
    for i, pad in enumerate(pads):
        shape[-1 - i // 2] += pad
    return fresh(x, shape)


@rule(aten.roll.default, aten.flip.default, aten.tril.default, aten.triu.default)
def _same_layout(x: TensorSpec, *rest: object) -> TensorSpec | None:
    return x if x.scope is not None and is_canonical(x) else None
