"""Rules of what looks for the largest, sorts, counts, and picks or writes by an index.

Tensors that lie in order give results that lie in order. What an operator demands of sizes that
vary it says here; where the answer would be a question that it does not ask, there is no rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.pointwise import category
from monograph.inference.rules.reductions import reduced
from monograph.inference.rules.table import (
    broadcast,
    broadcast_or_tied,
    fresh,
    is_canonical,
    is_size,
    must_hold_if_varies,
    resolve,
    rule,
    tied,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr, Int, interval
from monograph.shapes.questions import not_less

aten = torch.ops.aten
Two = tuple[TensorSpec, TensorSpec]


def _has_some(x: TensorSpec, dims: Sequence[int]) -> bool:
    """Whether there is something along these dimensions, as the search for a largest demands."""
    return all(must_hold_if_varies(x.shape[d], not_less(x.shape[d], 1)) for d in dims)


def _is_orderly(x: TensorSpec) -> bool:
    return bool(x.shape) and is_canonical(x) and category(x.dtype) in (1, 2)


@rule(aten.argmax.default, aten.argmin.default)
def _argmax(x: TensorSpec, dim: int | None = None, keepdim: bool = False) -> TensorSpec | None:
    if dim is None or not _is_orderly(x) or resolve(x, dim) is None or not _has_some(x, [dim]):
        return None
    shape = reduced(x, [dim], keepdim)
    return None if shape is None else fresh(x, shape, torch.int64)


@rule(aten.amax.default, aten.amin.default)
def _amax(x: TensorSpec, dims: Sequence[int] = (), keepdim: bool = False) -> TensorSpec | None:
    shape = reduced(x, dims, keepdim) if dims and _is_orderly(x) else None
    return fresh(x, shape) if shape is not None and _has_some(x, dims) else None


@rule(aten.max.dim, aten.min.dim)
def _max_along(x: TensorSpec, dim: int, keepdim: bool = False) -> Two | None:
    found = _amax(x, [dim], keepdim)
    return None if found is None else (found, fresh(found, found.shape, torch.int64))


@rule(aten.max.default, aten.min.default)
def _max_of_all(x: TensorSpec) -> TensorSpec | None:
    if not _is_orderly(x) or not _has_some(x, range(len(x.shape))):
        return None
    return fresh(x, ())


@rule(aten.topk.default)
def _topk(x: TensorSpec, k: Int, dim: int = -1, *how: bool) -> Two | None:
    at = resolve(x, dim)
    if at is None or not _is_orderly(x) or not is_size(k):
        return None
    size = x.shape[at]
    if isinstance(size, Expr) or isinstance(k, Expr):
        if not must_hold_if_varies(size if isinstance(size, Expr) else k, not_less(size, k)):
            return None
    elif k > size:
        return None
    found = fresh(x, (*x.shape[:at], k, *x.shape[at + 1 :]))
    return found, fresh(found, found.shape, torch.int64)


@rule(aten.sort.default)
def _sort(x: TensorSpec, dim: int = -1, descending: bool = False) -> Two | None:
    if not _is_orderly(x) or resolve(x, dim) is None:
        return None
    return fresh(x, x.shape), fresh(x, x.shape, torch.int64)


@rule(aten.argsort.default)
def _argsort(x: TensorSpec, dim: int = -1, descending: bool = False) -> TensorSpec | None:
    found = _sort(x, dim)
    return None if found is None else found[1]


@rule(aten.linalg_vector_norm.default)
def _vector_norm(
    x: TensorSpec,
    order: float = 2,
    dims: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> TensorSpec | None:
    """Of an order that has a value for no numbers."""
    if dtype is not None or category(x.dtype) != 2 or x.dtype.is_complex or not is_canonical(x):
        return None
    is_plain = isinstance(order, (int, float)) and 0 <= order < float("inf")
    shape = reduced(x, dims, keepdim) if is_plain and x.shape else None
    return None if shape is None else fresh(x, shape)


@rule(aten.logsumexp.default)
def _logsumexp(x: TensorSpec, dims: Sequence[int], keepdim: bool = False) -> TensorSpec | None:
    is_real = category(x.dtype) == 2 and not x.dtype.is_complex
    shape = reduced(x, dims, keepdim) if is_real and dims and _is_orderly(x) else None
    return None if shape is None else fresh(x, shape)


# By an index ---------------------------------------------------------------------------------


def _fits(part: TensorSpec, whole: TensorSpec, but: int | None = None) -> bool:
    """Whether it is no longer along any dimension, as is demanded; ``but``: along this, maybe."""
    if len(part.shape) != len(whole.shape):
        return False
    for i, (size, limit) in enumerate(zip(part.shape, whole.shape, strict=True)):
        if i != but and size != limit and not _must_be_at_most(size, limit):
            return False
    return True


def _must_be_at_most(size: Int, limit: Int) -> bool:
    varying = size if isinstance(size, Expr) else limit
    return must_hold_if_varies(varying, not_less(limit, size))


@rule(aten.gather.default)
def _gather(
    x: TensorSpec, dim: int, index: TensorSpec, *, sparse_grad: bool = False
) -> TensorSpec | None:
    at = resolve(x, dim)
    if at is None or index.dtype is not torch.int64 or x.device != index.device:
        return None
    return fresh(x, index.shape) if _fits(index, x, at) else None


@rule(aten.take_along_dim.default)
def _take_along_dim(
    x: TensorSpec, indices: TensorSpec, dim: int | None = None
) -> TensorSpec | None:
    """Both are broadcast to each other, but for the dimension that is picked along."""
    at = None if dim is None else resolve(x, dim)
    if at is None or indices.dtype is not torch.int64 or x.device != indices.device:
        return None
    if len(x.shape) != len(indices.shape):
        return None
    others = broadcast([(*s[:at], *s[at + 1 :]) for s in (x.shape, indices.shape)])
    if others is None:
        return None
    return fresh(x, (*others[:at], indices.shape[at], *others[at:]))


@rule(aten.scatter.src, aten.scatter_add.default, aten.scatter_reduce.two)
def _scatter(
    x: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec, *how: object, **more: object
) -> TensorSpec | None:
    if source.dtype != x.dtype or source.device != x.device:
        return None
    found = _scatter_number(x, dim, index)
    return found if found is not None and _fits(index, source) else None


@rule(aten.scatter.value)
def _scatter_number(
    x: TensorSpec, dim: int, index: TensorSpec, value: object = 0
) -> TensorSpec | None:
    at = resolve(x, dim)
    if at is None or index.dtype is not torch.int64 or x.device != index.device:
        return None
    return fresh(x, x.shape) if _fits(index, x, at) else None


@rule(aten.index_add.default, aten.index_copy.default)
def _index_add(
    x: TensorSpec, dim: int, index: TensorSpec, source: TensorSpec, **scale: object
) -> TensorSpec | None:
    at = resolve(x, dim)
    if at is None or index.dtype is not torch.int64 or len(index.shape) != 1:
        return None
    if source.dtype != x.dtype or {source.device, index.device} != {x.device}:
        return None
    shape = (*x.shape[:at], index.shape[0], *x.shape[at + 1 :])
    if len(source.shape) != len(shape):
        return None
    return fresh(x, x.shape) if tied(zip(source.shape, shape, strict=True)) else None


# Copies --------------------------------------------------------------------------------------


@rule(aten.repeat.default)
def _repeat(x: TensorSpec, times: Sequence[Int]) -> TensorSpec | None:
    added = len(times) - len(x.shape)
    if added < 0 or not all(map(is_size, times)):
        return None
    sizes = (*(1 for _ in range(added)), *x.shape)
    return fresh(x, tuple(size * n for size, n in zip(sizes, times, strict=True)))


@rule(aten.tile.default)
def _tile(x: TensorSpec, times: Sequence[Int]) -> TensorSpec | None:
    return _repeat(x, (*(1 for _ in range(len(x.shape) - len(times))), *times))


@rule(aten.repeat_interleave.self_int)
def _repeat_interleave(
    x: TensorSpec, times: Int, dim: int | None = None, *, output_size: Int | None = None
) -> TensorSpec | None:
    at = None if dim is None else resolve(x, dim)
    if at is None or output_size is not None or not is_size(times):
        return None
    return fresh(x, (*x.shape[:at], x.shape[at] * times, *x.shape[at + 1 :]))


@rule(aten.diag.default)
def _diag(x: TensorSpec, diagonal: int = 0) -> TensorSpec | None:
    """Of a vector: a matrix; of a matrix it is a view."""
    if len(x.shape) != 1 or diagonal:
        return None
    return fresh(x, (x.shape[0], x.shape[0]))


@rule(aten.cdist.default)
def _cdist(
    x: TensorSpec, y: TensorSpec, p: float = 2, mode: int | None = None
) -> TensorSpec | None:
    """Row-major, however the points lie."""
    if x.dtype != y.dtype or x.device != y.device or category(x.dtype) != 2:
        return None
    if len(x.shape) < 2 or len(y.shape) < 2 or not tied([(x.shape[-1], y.shape[-1])]):
        return None
    batch = broadcast_or_tied(x.shape[:-2], y.shape[:-2])
    return None if batch is None else fresh(x, (*batch, x.shape[-2], y.shape[-2]))


@rule(aten.outer.default)
def _outer(left: TensorSpec, right: TensorSpec) -> TensorSpec | None:
    if len(left.shape) != 1 or len(right.shape) != 1 or left.dtype != right.dtype:
        return None
    if left.device != right.device:
        return None
    is_told = is_canonical(left) and is_canonical(right)
    return fresh(left, (*left.shape, *right.shape)) if is_told else None


@rule(aten.one_hot.default)
def _one_hot(x: TensorSpec, classes: Int = -1) -> TensorSpec | None:
    """Of a number of classes that is said; how many there are else, the values say."""
    if x.dtype is not torch.int64:
        return None
    if isinstance(classes, Expr):
        least = interval(classes)[0]
        return fresh(x, (*x.shape, classes)) if least is not None and least >= 0 else None
    return fresh(x, (*x.shape, classes)) if classes >= 1 else None
