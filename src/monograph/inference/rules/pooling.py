"""Rules of pooling and of resampling."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch

from monograph.inference.rules.convolution import window
from monograph.inference.rules.table import (
    Found,
    are_strides_channels_last,
    channels_last,
    fresh,
    has_rows,
    is_canonical,
    is_size,
    lies_with_channels_last,
    must_hold_if_varies,
    rule,
    steps_channels_last,
    tied,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr, Int, Scope
from monograph.shapes.floats import FloatExpr, Real
from monograph.shapes.questions import not_less
from monograph.shapes.symnode import FloatNode

aten = torch.ops.aten
_FLOATS = (torch.float32, torch.float64)


def _pooled(
    rank: int,
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> TensorSpec | None:
    """What pooling over ``rank`` dimensions gives of a batch; a single one is torch's to tell."""
    is_told = x.scope is None and len(x.shape) == 4 and x.shape[1] > 1
    is_channels_last = are_strides_channels_last(x) if is_told else steps_channels_last(x)
    is_laid_so = is_canonical(x) or is_channels_last or is_told
    if len(x.shape) != rank + 2 or x.numel == 0 or not is_laid_so:
        return None
    if x.scope is None and (ceil_mode or len(x.shape) != 4):
        return None
    kernel = kernel if len(kernel) == rank else (kernel[0],) * rank
    if any(2 * p > k for p, k in zip(padding, kernel, strict=False)):
        return None
    sizes = window(x.shape[2:], kernel, stride or kernel, padding, dilation, ceil_mode)
    if sizes is None:
        return None
    shape = (*x.shape[:2], *sizes)
    return channels_last(x, shape) if is_channels_last else fresh(x, shape)


def _pooled_with_indices(
    rank: int,
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Found:
    found = _pooled(rank, x, kernel, stride, padding, dilation, ceil_mode)
    if found is None:
        return None
    return (found, TensorSpec.of(found.shape, found.strides, torch.int64, x.device))


def _averaged(
    rank: int,
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> TensorSpec | None:
    is_refused = divisor == 0 or not x.dtype.is_floating_point  # by the kernel
    if x.scope is None and (rank != 2 or is_refused):
        return None
    return _pooled(rank, x, kernel, stride, padding, (1,), ceil_mode)


for _rank, _largest, _average in (
    (1, aten.max_pool1d.default, aten.avg_pool1d.default),
    (2, aten.max_pool2d.default, aten.avg_pool2d.default),
    (3, aten.max_pool3d.default, aten.avg_pool3d.default),
):
    rule(_largest)(functools.partial(_pooled, _rank))
    rule(_average)(functools.partial(_averaged, _rank))
rule(aten.max_pool2d_with_indices.default)(functools.partial(_pooled_with_indices, 2))
rule(aten.max_pool3d_with_indices.default)(functools.partial(_pooled_with_indices, 3))


@rule(aten.adaptive_avg_pool2d.default)
def _adaptive_avg_pool2d(x: TensorSpec, sizes: Sequence[int]) -> TensorSpec | None:
    if x.scope is not None and len(x.shape) == 4 and list(sizes) == [1, 1]:
        return fresh(x, (*x.shape[:2], 1, 1))
    if steps_channels_last(x):
        return channels_last(x, (*x.shape[:2], *sizes))
    if len(x.shape) != 4 or not is_canonical(x) or x.shape[1] == 1 or x.numel == 0:
        return None
    return fresh(x, (*x.shape[:2], *sizes))


@rule(aten.adaptive_avg_pool3d.default)
def _adaptive_avg_pool3d(x: TensorSpec, sizes: Sequence[Int]) -> TensorSpec | None:
    is_whole = x.scope is not None and len(x.shape) == 5 and list(sizes) == [1, 1, 1]
    return fresh(x, (*x.shape[:2], 1, 1, 1)) if is_whole and is_canonical(x) else None


@rule(aten.upsample_nearest1d.vec, aten.upsample_nearest2d.vec, aten.upsample_nearest3d.vec,
      aten._upsample_nearest_exact1d.vec, aten._upsample_nearest_exact2d.vec,
      aten._upsample_nearest_exact3d.vec)  # fmt: skip
def _upsample_nearest(
    x: TensorSpec, sizes: Sequence[Int] | None, scales: Sequence[Real] | None
) -> TensorSpec | None:
    is_resized = len(x.shape) > 2 and sizes is not None and any(type(n) is Expr for n in sizes)
    is_channels_last = lies_with_channels_last(x)
    is_plain = _is_plain_image(x) or (is_resized and is_canonical(x))
    if not (has_rows(x) or is_channels_last or is_plain):
        return None
    if sizes is None:
        found = [_scaled(n, f) for n, f in zip(x.shape[2:], scales or (), strict=True)]
        sizes = [n for n in found if n is not None]
    if len(sizes) != len(x.shape) - 2:
        return None
    if not all(must_hold_if_varies(n, not_less(n, 1)) for n in (*x.shape[1:], *sizes)):
        return None
    shape = (*x.shape[:2], *sizes)
    return channels_last(x, shape) if is_channels_last else fresh(x, shape)


def _is_plain_image(x: TensorSpec) -> bool:
    return x.scope is None and len(x.shape) == 4 and is_canonical(x) and x.dtype in _FLOATS


@rule(aten.upsample_linear1d.vec, aten.upsample_bilinear2d.vec, aten.upsample_trilinear3d.vec,
      aten.upsample_bicubic2d.vec, aten._upsample_bilinear2d_aa.vec,
      aten._upsample_bicubic2d_aa.vec)  # fmt: skip
def _upsample_smoothly(
    x: TensorSpec, sizes: Sequence[Int] | None, corners: bool, scales: Sequence[Real] | None
) -> TensorSpec | None:
    return _upsample_nearest(x, sizes, scales)


def _scaled(size: Int, factor: Real) -> Int | None:
    """``int(size * factor)``, in floats."""
    if not isinstance(size, Expr) and not isinstance(factor, FloatExpr):
        return int(size * factor) if type(factor) is float and factor > 0 else None
    if type(factor) is not float and not isinstance(factor, FloatExpr):
        return None
    if isinstance(factor, float) and factor <= 0:
        return None
    scope = size.scope if isinstance(size, Expr) else _scope_of(factor)
    if scope is None:
        return None
    whole = FloatExpr("float", (size,)) if isinstance(size, Expr) else float(size)
    return FloatNode(scope.owner, FloatExpr("mul", (whole, factor))).trunc().content


def _scope_of(item: Real) -> Scope | None:
    """Where the sizes in a float belong; None where it has none."""
    if isinstance(item, Expr):
        return item.scope
    found = map(_scope_of, item.args if isinstance(item, FloatExpr) else ())
    return next((scope for scope in found if scope is not None), None)


@rule(aten.grid_sampler.default)
def _grid_sampler(
    x: TensorSpec, grid: TensorSpec, mode: int, padding: int, corners: bool
) -> TensorSpec | None:
    """Of images whose sizes vary, at as many places as each of them has."""
    rank = len(x.shape)
    if x.scope is None and grid.scope is None:
        return None
    if rank not in (4, 5) or len(grid.shape) != rank or grid.shape[-1] != rank - 2:
        return None
    if x.device.type != "cpu" and not (is_canonical(x) and is_canonical(grid)):
        return None
    is_of_one_kind = x.dtype is grid.dtype and x.dtype in _FLOATS and x.device == grid.device
    if not is_of_one_kind or (mode == 2 and rank == 5):
        return None
    if not tied([(x.shape[0], grid.shape[0])]):
        return None
    if not all(must_hold_if_varies(n, not_less(n, 1)) for n in x.shape[2:]):
        return None
    return fresh(x, (*x.shape[:2], *grid.shape[1:-1]))


@rule(aten.affine_grid_generator.default)
def _affine_grid(theta: TensorSpec, sizes: Sequence[Int], corners: bool) -> TensorSpec | None:
    """For images or volumes of these sizes: the place in the input of each of their elements."""
    count = len(sizes) - 2
    if count not in (2, 3) or len(theta.shape) != 3 or theta.shape[1:] != (count, count + 1):
        return None
    if theta.dtype not in _FLOATS or not all(map(is_size, sizes)):
        return None
    if theta.scope is None and not any(isinstance(n, Expr) for n in sizes):
        return None
    if not tied([(theta.shape[0], sizes[0])]):
        return None
    return fresh(theta, (theta.shape[0], *sizes[2:], count))
