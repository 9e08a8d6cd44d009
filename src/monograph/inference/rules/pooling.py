"""Rules of pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.convolution import window
from monograph.inference.rules.table import (
    Found,
    channels_last,
    fresh,
    is_canonical,
    lies_channels_last,
    rule,
)
from monograph.ir.spec import TensorSpec

aten = torch.ops.aten


@rule(aten.max_pool1d.default, aten.max_pool2d.default, aten.max_pool3d.default)
def _max_pool(
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> TensorSpec | None:
    is_channels_last = lies_channels_last(x)
    if len(x.shape) < 3 or x.numel == 0 or not (is_canonical(x) or is_channels_last):
        return None
    if x.scope is None and (ceil_mode or len(x.shape) != 4 or x.shape[1] == 1):
        return None
    rank = len(x.shape) - 2
    kernel = kernel if len(kernel) == rank else (kernel[0],) * rank
    if any(2 * p > k for p, k in zip(padding, kernel, strict=False)):
        return None
    sizes = window(x.shape[2:], kernel, stride or kernel, padding, dilation, ceil_mode)
    if sizes is None:
        return None
    shape = (*x.shape[:2], *sizes)
    return channels_last(x, shape) if is_channels_last else fresh(x, shape)


@rule(aten.max_pool2d_with_indices.default, aten.max_pool3d_with_indices.default)
def _max_pool_with_indices(
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Found:
    found = _max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    if found is None:
        return None
    return (found, TensorSpec.of(found.shape, found.strides, torch.int64, x.device))


@rule(aten.avg_pool1d.default, aten.avg_pool2d.default, aten.avg_pool3d.default)
def _avg_pool(
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    ceil_mode: bool = False,
    *rest: object,
) -> TensorSpec | None:
    return None if x.scope is None else _max_pool(x, kernel, stride, padding, (1,), ceil_mode)


@rule(aten.adaptive_avg_pool2d.default)
def _adaptive_avg_pool2d(x: TensorSpec, sizes: Sequence[int]) -> TensorSpec | None:
    if x.scope is not None and len(x.shape) == 4 and list(sizes) == [1, 1]:
        return fresh(x, (*x.shape[:2], 1, 1))
    if lies_channels_last(x):
        return channels_last(x, (*x.shape[:2], *sizes))
    if len(x.shape) != 4 or not is_canonical(x) or x.shape[1] == 1 or x.numel == 0:
        return None
    return fresh(x, (*x.shape[:2], *sizes))
