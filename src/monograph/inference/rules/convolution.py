"""Rules of convolutions and their windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from monograph.inference.rules.table import (
    are_strides_channels_last,
    channels_last,
    fresh,
    is_canonical,
    must_hold,
    must_hold_if_varies,
    rule,
    steps_channels_last,
    tied,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal, not_less

aten = torch.ops.aten


@rule(aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def _conv(
    x: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> TensorSpec | None:
    rank = len(weight.shape)
    if len(x.shape) == rank - 1 and x.scope is not None and is_canonical(x):
        options = (stride, padding, dilation, groups)
        return _without_batch(_conv(_as_batch(x), weight, bias, *options))
    if len(x.shape) != rank or x.dtype != weight.dtype:
        return None
    if rank != 4 and x.scope is None:
        return None
    if x.device != weight.device or x.numel == 0:
        return None
    if x.scope is None and 1 in (x.shape[1], weight.shape[1]) and not is_canonical(x):
        return None  # one channel: channels-last and contiguous look alike
    is_channels_last = (
        steps_channels_last(x) if x.scope is not None else are_strides_channels_last(x)
    )
    is_told = x.scope is None or is_canonical(x) or _is_copied(x) or is_channels_last
    if not is_told or (not is_canonical(weight) and not _is_plain_but_for_order(weight)):
        return None
    if weight.shape[0] % groups:
        return None
    if bias is not None and (len(bias.shape) != 1 or bias.dtype != x.dtype):
        return None
    pairs = [(x.shape[1], weight.shape[1] * groups)]
    if not tied(pairs if bias is None else [*pairs, (bias.shape[0], weight.shape[0])]):
        return None
    sizes = window(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    if sizes is None:
        return None
    shape = (x.shape[0], weight.shape[0], *sizes)
    return channels_last(x, shape) if is_channels_last else fresh(x, shape)


def _as_batch(x: TensorSpec) -> TensorSpec:
    """``x``, which lies row by row, as the only sample of a batch."""
    return x.with_layout((1, *x.shape), (x.shape[0] * x.strides[0], *x.strides))


def _without_batch(found: TensorSpec | None) -> TensorSpec | None:
    return None if found is None else found.with_layout(found.shape[1:], found.strides[1:])


def _is_copied(x: TensorSpec) -> bool:
    """Whether a convolution copies ``x`` into row-major order.

    Not where it is channels-last; of one dimension that is none of the formats.
    """
    return x.scope is not None and (len(x.shape) == 3 or x.strides[1] != 1)


def _is_plain_but_for_order(weight: TensorSpec) -> bool:
    """Whether kernels make a copy of ``weight``, which has no say in how the result lies."""
    is_fixed = weight.scope is None and len(weight.shape) == 4
    return is_fixed and not are_strides_channels_last(weight)


@rule(aten.conv_transpose1d.default, aten.conv_transpose2d.input, aten.conv_transpose3d.input)
def _conv_transpose(
    x: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    output_padding: Sequence[int] = (0,),
    groups: int = 1,
    dilation: Sequence[int] = (1,),
) -> TensorSpec | None:
    if len(x.shape) == len(weight.shape) - 1 and x.scope is not None and is_canonical(x):
        options = (stride, padding, output_padding, groups, dilation)
        return _without_batch(_conv_transpose(_as_batch(x), weight, bias, *options))
    if len(x.shape) != len(weight.shape) or x.dtype != weight.dtype:
        return None
    if x.scope is None and not _is_image(x, weight):
        return None  # which kernel is used decides the layout, and what is an error
    if x.scope is None and 1 in (x.shape[1], weight.shape[1] * groups) and not is_canonical(x):
        return None  # one channel: channels-last and contiguous look alike
    is_told = x.scope is None or is_canonical(x) or (len(x.shape) == 3 and _is_copied(x))
    if not is_told or not is_canonical(weight):
        return None
    if bias is not None and (len(bias.shape) != 1 or bias.dtype != x.dtype):
        return None
    if not tied([(x.shape[1], weight.shape[0])]):
        return None
    sizes: list[Int] = []
    for i, size in enumerate(x.shape[2:]):
        s, p, o, d = (
            v[i] if len(v) > 1 else v[0] for v in (stride, padding, output_padding, dilation)
        )
        kernel = weight.shape[2 + i]
        sizes.append((size - 1) * s - 2 * p + d * (kernel - 1) + o + 1)
        if not isinstance(o, Expr) and o and o >= max(s, d):
            return None  # an error
    if x.scope is None and min(sizes) < 1:
        return None
    shape = (x.shape[0], weight.shape[1] * groups, *sizes)
    is_channels_last = x.scope is None and are_strides_channels_last(x)
    if is_channels_last and math.prod(weight.shape[2:]) == 1:
        return None  # the number of threads decides which kernel is used
    return channels_last(x, shape) if is_channels_last else fresh(x, shape)


@rule(aten.convolution.default)
def _convolution(
    x: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> TensorSpec | None:
    if transposed:
        more = (output_padding, groups, dilation)
        return _conv_transpose(x, weight, bias, stride, padding, *more)
    return _conv(x, weight, bias, stride, padding, dilation, groups)


@rule(aten.im2col.default)
def _im2col(
    x: TensorSpec,
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> TensorSpec | None:
    if x.scope is None or len(x.shape) not in (3, 4):
        return None
    channels, *sizes = x.shape[-3:]
    places = _places(sizes, kernel, dilation, padding, stride)
    if places is None or not all(must_hold_if_varies(n, not_less(n, 1)) for n in x.shape[-3:]):
        return None
    return fresh(x, (*x.shape[:-3], channels * math.prod(kernel), places))


@rule(aten.col2im.default)
def _col2im(
    x: TensorSpec,
    sizes: Sequence[Int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> TensorSpec | None:
    area = math.prod(kernel)
    if x.scope is None or len(x.shape) not in (2, 3) or isinstance(x.shape[-2], Expr):
        return None
    places = _places(sizes, kernel, dilation, padding, stride)
    if places is None or x.shape[-2] % area or x.shape[-2] == 0:
        return None
    if not must_hold_if_varies(places - x.shape[-1], equal(places, x.shape[-1])):
        return None
    return fresh(x, (*x.shape[:-2], x.shape[-2] // area, *sizes))


def _places(
    sizes: Sequence[Int],
    kernel: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> Int | None:
    """How often a window fits."""
    found = window(sizes, kernel, stride, padding, dilation)
    return None if found is None or len(found) != 2 else found[0] * found[1]


def _is_image(x: TensorSpec, weight: TensorSpec) -> bool:
    is_here = x.device.type == "cpu" and x.device == weight.device
    return len(x.shape) == 4 and x.numel > 0 and is_here


def window(
    sizes: Sequence[Int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> list[Int] | None:
    """Sizes after a sliding window: floor((n + 2p - d(k - 1) - 1) / s) + 1.

    With ``ceil_mode`` the quotient is rounded up, but each window starts inside, or before it.
    """
    found = []
    for i, size in enumerate(sizes):
        k, s, p, d = (v[i] if len(v) > 1 else v[0] for v in (kernel, stride, padding, dilation))
        if p < 0 or s <= 0:
            return None
        out = (size + 2 * p - d * (k - 1) - 1 + (s - 1) * ceil_mode) // s + 1
        if ceil_mode and p + s > d * (k - 1) + 1:  # else the last window starts inside for certain
            last = (size + p - 1) // s + 1
            out = size.scope.minimum(out, last) if isinstance(size, Expr) else min(out, last)
        if isinstance(out, Expr):
            if not must_hold(out, not_less(out, 1)):
                return None
        elif out <= 0:
            return None
        found.append(out)
    return found
