"""Rules of reductions, softmax and layer norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.pointwise import category
from monograph.inference.rules.table import Found, broadcast, fresh, is_canonical, resolve, rule
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Int

aten = torch.ops.aten


def reduced(x: TensorSpec, dims: Sequence[int] | None, keepdim: bool) -> tuple[Int, ...] | None:
    """The sizes that are left; None where a dimension is not there, or twice."""
    rank = len(x.shape)
    chosen = set(range(rank)) if not dims else {resolve(x, d) for d in dims}
    if None in chosen or (dims and len(chosen) != len(dims)):
        return None
    if keepdim:
        return tuple(1 if i in chosen else size for i, size in enumerate(x.shape))
    return tuple(size for i, size in enumerate(x.shape) if i not in chosen)


@rule(aten.sum.dim_IntList)
def _sum(
    x: TensorSpec,
    dims: Sequence[int] | None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> TensorSpec | None:
    """Of integers and truths, it is an integer."""
    shape = reduced(x, dims, keepdim) if x.shape else None
    return None if shape is None else fresh(x, shape, dtype or _dtype_of_sum(x))


@rule(aten.sum.default)
def _sum_of_all(x: TensorSpec, *, dtype: torch.dtype | None = None) -> TensorSpec:
    return fresh(x, (), dtype or _dtype_of_sum(x))


@rule(aten.prod.dim_int)
def _product_of(
    x: TensorSpec, dim: int, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> TensorSpec | None:
    return _sum(x, [dim], keepdim, dtype=dtype)


@rule(aten.prod.default)
def _product_of_all(x: TensorSpec, *, dtype: torch.dtype | None = None) -> TensorSpec:
    return fresh(x, (), dtype or _dtype_of_sum(x))


def _dtype_of_sum(x: TensorSpec) -> torch.dtype:
    return x.dtype if category(x.dtype) > 1 else torch.int64


@rule(aten.mean.dim)
def _mean(
    x: TensorSpec,
    dims: Sequence[int] | None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> TensorSpec | None:
    if category(dtype or x.dtype) != 2 or not x.shape:
        return None
    shape = reduced(x, dims, keepdim)
    if shape is None:
        return None
    return fresh(x, shape, dtype)  # row-major, however the argument lies


@rule(aten.mean.default)
def _mean_all(x: TensorSpec, *, dtype: torch.dtype | None = None) -> TensorSpec | None:
    return fresh(x, (), dtype) if category(dtype or x.dtype) == 2 else None


@rule(aten.std.dim, aten.var.dim)
def _spread(
    x: TensorSpec, dims: Sequence[int] | None, unbiased: bool = True, keepdim: bool = False
) -> TensorSpec | None:
    return _spread_corrected(x, dims, keepdim=keepdim)


@rule(aten.std.correction, aten.var.correction)
def _spread_corrected(
    x: TensorSpec,
    dims: Sequence[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> TensorSpec | None:
    if category(x.dtype) != 2 or not x.shape:
        return None
    shape = reduced(x, dims, keepdim)
    return None if shape is None else fresh(x, shape)


@rule(aten.std.default, aten.var.default)
def _spread_of_all(x: TensorSpec, unbiased: bool = True) -> TensorSpec | None:
    return fresh(x, ()) if category(x.dtype) == 2 else None


@rule(aten.std_mean.dim, aten.var_mean.dim)
def _spread_and_mean(
    x: TensorSpec, dims: Sequence[int] | None, unbiased: bool = True, keepdim: bool = False
) -> Found:
    found = _spread_corrected(x, dims, keepdim=keepdim)
    return None if found is None else (found, found)


@rule(aten.std_mean.correction, aten.var_mean.correction)
def _spread_corrected_and_mean(
    x: TensorSpec,
    dims: Sequence[int] | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
) -> Found:
    return _spread_and_mean(x, dims, keepdim=keepdim)


@rule(aten.cosine_similarity.default)
def _cosine(x: TensorSpec, y: TensorSpec, dim: int = 1, eps: float = 1e-8) -> TensorSpec | None:
    is_alike = x.dtype == y.dtype and x.device == y.device
    whole = broadcast((x.shape, y.shape))
    if not is_alike or category(x.dtype) != 2 or not whole:
        return None
    shape = reduced(fresh(x, whole), [dim], keepdim=False)
    return None if shape is None else fresh(x, shape)


@rule(aten.any.default, aten.any.dim, aten.any.dims, aten.all.default, aten.all.dim, aten.all.dims)
def _any(
    x: TensorSpec, dims: int | Sequence[int] | None = None, keepdim: bool = False
) -> TensorSpec | None:
    if x.dtype is torch.uint8 or (not x.shape and dims is not None):
        return None
    chosen = [dims] if isinstance(dims, int) else dims
    if chosen is not None and not chosen:  # no dimension at all: a sum takes this for all
        return fresh(x, x.shape, torch.bool)
    if not is_canonical(x):
        return None
    shape = reduced(x, chosen, keepdim)
    return None if shape is None else fresh(x, shape, torch.bool)


@rule(aten._is_all_true.default, aten._is_any_true.default)
def _is_all_true(x: TensorSpec) -> TensorSpec:
    return fresh(x, (), torch.bool)


@rule(aten.softmax.int, aten.log_softmax.int)
def _softmax(x: TensorSpec, dim: int, dtype: torch.dtype | None = None) -> TensorSpec | None:
    if not x.shape or resolve(x, dim) is None or category(dtype or x.dtype) != 2:
        return None
    return fresh(x, x.shape, dtype) if x.device.type == "cpu" or is_canonical(x) else None


@rule(aten._softmax.default, aten._log_softmax.default)
def _softmax_kernel(x: TensorSpec, dim: int, half_to_float: bool) -> TensorSpec | None:
    return None if half_to_float else _softmax(x, dim)


@rule(aten.layer_norm.default)
def _layer_norm(
    x: TensorSpec,
    shape: Sequence[int],
    weight: TensorSpec | None = None,
    bias: TensorSpec | None = None,
    *rest: object,
) -> TensorSpec | None:
    count = len(shape)
    if not count or x.shape[-count:] != tuple(shape) or x.numel == 0:
        return None
    for spec in (weight, bias):
        if spec is not None and (spec.shape != tuple(shape) or spec.dtype != x.dtype):
            return None
    if is_canonical(x):
        return x
    # The kernel works on a copy in order.
    return fresh(x, x.shape) if x.device.type == "cpu" else None


@rule(aten.native_layer_norm.default)
def _native_layer_norm(
    x: TensorSpec,
    shape: Sequence[int],
    weight: TensorSpec | None,
    bias: TensorSpec | None,
    eps: float,
) -> tuple[TensorSpec, ...] | None:
    found = _layer_norm(x, shape, weight, bias)
    if found is None or x.device.type != "cpu" or x.dtype not in (torch.float32, torch.float64):
        return None
    rest = len(x.shape) - len(shape)
    statistic = fresh(x, (*x.shape[:rest], *(1 for _ in shape)))
    return (found, statistic, statistic)


@rule(aten.rms_norm.default)
def _rms_norm(
    x: TensorSpec, shape: Sequence[int], weight: TensorSpec | None = None, *rest: object
) -> TensorSpec | None:
    found = _layer_norm(x, shape, weight)
    return found if is_canonical(x) and category(x.dtype) == 2 else None
