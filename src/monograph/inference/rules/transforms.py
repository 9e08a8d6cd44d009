"""Rules of Fourier transforms with sizes that vary, as the kernels of the MKL give them."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.pointwise import is_less
from monograph.inference.rules.table import rule
from monograph.ir.spec import TensorSpec, contiguous_strides
from monograph.shapes.expr import Int

aten = torch.ops.aten


@rule(aten._fft_c2c.default)
def _complex(
    x: TensorSpec, dims: Sequence[int], normalization: int, forward: bool
) -> TensorSpec | None:
    order = _outermost_first(x, dims)
    return None if not order else _transformed(x, x.shape, order, x.dtype)


@rule(aten._fft_r2c.default)
def _from_real(
    x: TensorSpec, dims: Sequence[int], normalization: int, onesided: bool
) -> TensorSpec | None:
    order = _outermost_first(x, dims[:-1])
    if order is None or not x.dtype.is_floating_point:
        return None
    shape, last = list(x.shape), dims[-1]
    if onesided:
        shape[last] = shape[last] // 2 + 1
    return _transformed(x, shape, [*order, last], x.dtype.to_complex())


@rule(aten._fft_c2r.default)
def _to_real(
    x: TensorSpec, dims: Sequence[int], normalization: int, size: Int
) -> TensorSpec | None:
    between = x if len(dims) == 1 else _complex(x, dims[:-1], normalization, False)
    if between is None or not x.dtype.is_complex:
        return None
    shape, last = list(x.shape), dims[-1]
    shape[last] = size
    return _transformed(between, shape, [last], x.dtype.to_real())


def _transformed(
    x: TensorSpec, shape: Sequence[Int], dims: Sequence[int], dtype: torch.dtype
) -> TensorSpec | None:
    """The dimensions that are transformed lie innermost, the others outside as they lay."""
    if x.scope is None or x.device.type != "cpu" or not torch.backends.mkl.is_available():
        return None
    others = _outermost_first(x, [d for d in range(len(x.shape)) if d not in dims])
    if others is None:
        return None
    order = [*others, *dims]
    strides: list[Int] = [0] * len(order)
    for dim, stride in zip(order, contiguous_strides(tuple(shape[d] for d in order)), strict=True):
        strides[dim] = stride
    return TensorSpec.of(tuple(shape), tuple(strides), dtype, x.device)


def _outermost_first(x: TensorSpec, dims: Sequence[int]) -> list[int] | None:
    """Dimensions by their strides; None where the order is not that of all sizes."""
    found: list[int] = []
    for dim in dims:
        at = len(found)
        while at and is_less(x.strides[found[at - 1]], x.strides[dim]):
            at -= 1
        if at and not is_less(x.strides[dim] - 1, x.strides[found[at - 1]]):
            return None
        found.insert(at, dim)
    return found
