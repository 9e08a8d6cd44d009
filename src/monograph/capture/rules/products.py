"""Rules of matrix products, convolutions, normalisations and indexing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from monograph.capture.abstract import TensorSpec, is_dense
from monograph.capture.rules.pointwise import category
from monograph.capture.rules.table import (
    View,
    fresh,
    is_canonical,
    is_size,
    must_hold,
    must_hold_if_varies,
    resolve,
    rule,
)
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal, not_less

aten = torch.ops.aten
Found = Any


@rule(aten.linear.default)
def _linear(x: TensorSpec, weight: TensorSpec, bias: TensorSpec | None = None) -> Found:
    if len(weight.shape) != 2 or len(x.shape) < 2 or x.shape[-1] != weight.shape[1]:
        return None
    if x.dtype != weight.dtype or (bias is not None and bias.shape != weight.shape[:1]):
        return None
    if bias is not None and bias.dtype != x.dtype:
        return None
    if x.device != weight.device or x.numel == 0:
        return None
    if len(x.shape) > 2 and x.scope is None and not is_canonical(x):
        return None
    return fresh(x, (*x.shape[:-1], weight.shape[0]))


@rule(aten.mm.default, aten.bmm.default)
def _mm(left: TensorSpec, right: TensorSpec) -> Found:
    if left.dtype != right.dtype or len(left.shape) != len(right.shape):
        return None
    if left.shape[-1] != right.shape[-2] or left.shape[:-2] != right.shape[:-2]:
        return None
    return fresh(left, (*left.shape[:-1], right.shape[-1]))


@rule(aten.addmm.default)
def _addmm(bias: TensorSpec, left: TensorSpec, right: TensorSpec, **scales: Any) -> Found:
    if len(left.shape) != 2 or len(right.shape) != 2 or bias.dtype != left.dtype:
        return None
    found: TensorSpec | None = _mm(left, right)
    if found is None or bias.shape not in (found.shape, found.shape[1:]):
        return None
    return found


@rule(aten.matmul.default)
def _matmul(left: TensorSpec, right: TensorSpec) -> Found:
    """Row-major, whether the kernel folds the batch into the rows or broadcasts it."""
    if left.dtype != right.dtype or not left.shape or not right.shape:
        return None
    inner = right.shape[-2] if len(right.shape) > 1 else right.shape[0]
    if left.shape[-1] != inner and not must_hold_if_varies(inner, equal(left.shape[-1], inner)):
        return None
    if left.numel == 0 or right.numel == 0:
        return None
    batches = left.shape[:-2], right.shape[:-2]
    batch = _broadcast(batches) or _agreed(*batches)
    if batch is None:
        return None
    columns = right.shape[-1:] if len(right.shape) > 1 else ()
    return fresh(left, (*batch, *left.shape[-2:-1], *columns))


def _agreed(left: tuple[Int, ...], right: tuple[Int, ...]) -> tuple[Int, ...] | None:
    """Batches of one rank that are equal in the example: equal from here on."""
    if len(left) != len(right):
        return None
    for a, b in zip(left, right, strict=True):
        owner = next((size.scope.owner for size in (a, b) if isinstance(size, Expr)), None)
        if a == b or owner is None:
            continue
        if owner.hint(a) != owner.hint(b) or not owner.decide(equal(a, b)):
            return None
    return left


@rule(aten.conv1d.default, aten.conv2d.default, aten.conv3d.default)
def _conv(
    x: TensorSpec,
    weight: TensorSpec,
    bias: TensorSpec | None = None,
    stride: Sequence[int] = (1,),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    groups: int = 1,
) -> Found:
    rank = len(weight.shape)
    if len(x.shape) != rank or x.dtype != weight.dtype or x.shape[1] != weight.shape[1] * groups:
        return None
    if rank != 4 and x.scope is None:
        return None
    if x.device != weight.device or x.numel == 0:
        return None
    if x.scope is None and 1 in (x.shape[1], weight.shape[1]):
        return None  # one channel: channels-last and contiguous look alike
    is_channels_last = _lies_channels_last(x)
    if not is_canonical(weight) or not (is_canonical(x) or _may_be_copied(x) or is_channels_last):
        return None
    if weight.shape[0] % groups:
        return None
    if bias is not None and (bias.shape != weight.shape[:1] or bias.dtype != x.dtype):
        return None
    sizes = _window(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    if sizes is None:
        return None
    shape = (x.shape[0], weight.shape[0], *sizes)
    return _channels_last(x, shape) if is_channels_last else fresh(x, shape)


def _channels_last(x: TensorSpec, shape: tuple[Int, ...]) -> TensorSpec:
    channels, height, width = shape[1:]
    row = channels * width
    return x.with_layout(shape, (row * height, 1, row, channels))


def _lies_channels_last(x: TensorSpec) -> bool:
    """Told only of tensors with sizes that vary, and of more channels than one."""
    if x.scope is None or len(x.shape) != 4 or x.shape[1] == 1:
        return False
    return x is _channels_last(x, x.shape)


def _may_be_copied(x: TensorSpec) -> bool:
    """Whether a convolution copies ``x`` into row-major order: not where it is channels-last."""
    return x.scope is not None and x.strides[1] != 1


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
) -> Found:
    if len(x.shape) != len(weight.shape) or x.dtype != weight.dtype:
        return None
    if x.scope is None and not _is_plain_transposed(x, weight, output_padding, groups):
        return None  # which kernel is used decides the layout, and what is an error
    if x.shape[1] != weight.shape[0] or not is_canonical(x) or not is_canonical(weight):
        return None
    if bias is not None and (len(bias.shape) != 1 or bias.dtype != x.dtype):
        return None
    sizes: list[Int] = []
    for i, size in enumerate(x.shape[2:]):
        s, p, o, d = (
            v[i] if len(v) > 1 else v[0] for v in (stride, padding, output_padding, dilation)
        )
        kernel = weight.shape[2 + i]
        sizes.append((size - 1) * s - 2 * p + d * (kernel - 1) + o + 1)
    if x.scope is None and min(sizes) < 1:
        return None
    return fresh(x, (x.shape[0], weight.shape[1] * groups, *sizes))


@rule(aten.convolution.default)
def _convolution(
    x: TensorSpec, weight: TensorSpec, bias: TensorSpec | None, stride: Sequence[int],
    padding: Sequence[int], dilation: Sequence[int], transposed: bool,
    output_padding: Sequence[int], groups: int,
) -> Found:  # fmt: skip
    if transposed:
        more = (output_padding, groups, dilation)
        return _conv_transpose(x, weight, bias, stride, padding, *more)
    return _conv(x, weight, bias, stride, padding, dilation, groups)


def _is_plain_transposed(x: TensorSpec, weight: TensorSpec, more: Sequence[int], n: int) -> bool:
    plain = len(x.shape) == 4 and x.numel and x.device.type == "cpu" and x.device == weight.device
    channels = (x.shape[1], weight.shape[1] * n)
    return bool(plain) and n == 1 and 1 not in channels and not any(more)


def _window(
    sizes: Sequence[Int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> list[Int] | None:
    """Sizes after a sliding window: floor((n + 2p - d(k - 1) - 1) / s) + 1."""
    found = []
    for i, size in enumerate(sizes):
        k, s, p, d = (v[i] if len(v) > 1 else v[0] for v in (kernel, stride, padding, dilation))
        out = (size + 2 * p - d * (k - 1) - 1) // s + 1
        if p < 0 or s <= 0:
            return None
        if isinstance(out, Expr):
            if not must_hold(out, not_less(out, 1)):
                return None
        elif out <= 0:
            return None
        found.append(out)
    return found


@rule(aten.max_pool1d.default, aten.max_pool2d.default, aten.max_pool3d.default)
def _max_pool(
    x: TensorSpec,
    kernel: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0,),
    dilation: Sequence[int] = (1,),
    ceil_mode: bool = False,
) -> Found:
    is_channels_last = _lies_channels_last(x)
    if len(x.shape) < 3 or ceil_mode or x.numel == 0 or not (is_canonical(x) or is_channels_last):
        return None
    if x.scope is None and (len(x.shape) != 4 or x.shape[1] == 1):
        return None
    rank = len(x.shape) - 2
    kernel = kernel if len(kernel) == rank else (kernel[0],) * rank
    if any(2 * p > k for p, k in zip(padding, kernel, strict=False)):
        return None
    sizes = _window(x.shape[2:], kernel, stride or kernel, padding, dilation)
    if sizes is None:
        return None
    shape = (*x.shape[:2], *sizes)
    return _channels_last(x, shape) if is_channels_last else fresh(x, shape)


@rule(aten.max_pool2d_with_indices.default, aten.max_pool3d_with_indices.default)
def _max_pool_with_indices(x: TensorSpec, *args: Any) -> Found:
    found = _max_pool(x, *args)
    if found is None:
        return None
    return (found, TensorSpec.of(found.shape, found.strides, torch.int64, x.device))


@rule(aten.avg_pool1d.default, aten.avg_pool2d.default, aten.avg_pool3d.default)
def _avg_pool(
    x: TensorSpec, kernel: Sequence[int], stride: Sequence[int] = (),
    padding: Sequence[int] = (0,), ceil_mode: bool = False, *rest: Any,
) -> Found:  # fmt: skip
    return None if x.scope is None else _max_pool(x, kernel, stride, padding, (1,), ceil_mode)


@rule(aten.lstm.input, aten.gru.input, aten.rnn_tanh.input, aten.rnn_relu.input)
def _recurrent(
    x: TensorSpec, state: Any, weights: Sequence[TensorSpec], has_biases: bool, layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool,
) -> Found:  # fmt: skip
    """The whole network is one operator: the number of steps may vary."""
    if x.scope is None or len(x.shape) != 3 or x.dtype != weights[0].dtype:
        return None
    is_lstm = isinstance(state, (list, tuple))
    hidden = state[0] if is_lstm else state
    width = hidden.shape[-1]
    if len(weights) % (layers * (1 + bidirectional)):
        return None
    per_layer = len(weights) // (layers * (1 + bidirectional))
    if per_layer != (4 if has_biases else 2):  # projections
        return None
    out = width * (1 + bidirectional)
    steps, batch = (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])
    if not must_hold_if_varies(steps, not_less(steps, 1)):
        return None
    if batch_first:  # computed with the steps first
        output = x.with_layout((batch, steps, out), (out, batch * out, 1))
    else:
        output = fresh(x, (steps, batch, out))
    last = fresh(x, (layers * (1 + bidirectional), batch, width))
    return (output, last, last) if is_lstm else (output, last)


@rule(aten.adaptive_avg_pool2d.default)
def _adaptive_avg_pool2d(x: TensorSpec, sizes: Sequence[int]) -> Found:
    if x.scope is not None and len(x.shape) == 4 and list(sizes) == [1, 1]:
        return fresh(x, (*x.shape[:2], 1, 1))
    if _lies_channels_last(x):
        return _channels_last(x, (*x.shape[:2], *sizes))
    if len(x.shape) != 4 or not is_canonical(x) or x.shape[1] == 1 or x.numel == 0:
        return None
    return fresh(x, (*x.shape[:2], *sizes))


@rule(aten.batch_norm.default)
def _batch_norm(
    x: TensorSpec, weight: Any, bias: Any, mean: Any, var: Any, training: bool, *rest: Any
) -> Found:
    if training or mean is None or len(x.shape) < 2 or x.numel == 0 or x.device.type != "cpu":
        return None
    per_channel = [spec for spec in (weight, bias, mean, var) if spec is not None]
    if any(spec.shape != x.shape[1:2] or spec.dtype != x.dtype for spec in per_channel):
        return None
    if is_canonical(x) or _lies_channels_last(x):
        return x
    if len(x.shape) >= 4 and x.strides[1] <= min(x.strides):
        return None  # perhaps channels-last
    return fresh(x, x.shape)  # other layouts are not kept, whatever the fake kernel says


@rule(aten._native_batch_norm_legit_no_training.default)
def _batch_norm_inference(
    x: TensorSpec, weight: Any, bias: Any, mean: Any, var: Any, momentum: float, eps: float
) -> Found:
    found = _batch_norm(x, weight, bias, mean, var, False)
    return None if found is None else (found, fresh(x, (0,)), fresh(x, (0,)))


@rule(aten._native_batch_norm_legit_functional.default)
def _batch_norm_training(
    x: TensorSpec,
    weight: Any,
    bias: Any,
    mean: TensorSpec,
    var: TensorSpec,
    training: bool,
    *rest: Any,
) -> Found:
    if not training:  # the saved statistics are empty then
        return None
    per_channel = [spec for spec in (weight, bias, mean, var) if spec is not None]
    if len(x.shape) < 2 or x.numel == 0 or not is_canonical(x) or x.device.type != "cpu":
        return None
    if any(spec.shape != x.shape[1:2] or spec.dtype != x.dtype for spec in per_channel):
        return None
    statistic = fresh(x, x.shape[1:2])
    return (x, statistic, statistic, mean, var)


@rule(aten.group_norm.default)
def _group_norm(x: TensorSpec, groups: int, *affine: Any) -> Found:
    if len(x.shape) < 2 or x.scope is None or not is_canonical(x):
        return None
    if x.shape[1].__class__ is not int or x.shape[1] % groups:
        return None
    for spec in affine[:2]:
        if spec is not None and (spec.shape != x.shape[1:2] or spec.dtype != x.dtype):
            return None
    return x


@rule(aten.native_group_norm.default)
def _native_group_norm(
    x: TensorSpec, weight: Any, bias: Any, batch: Int, channels: Int, size: Int, groups: int,
    eps: float,
) -> Found:  # fmt: skip
    found = _group_norm(x, groups, weight, bias)
    if found is None or x.device.type != "cpu":
        return None
    statistic = fresh(x, (x.shape[0], groups))
    return (found, statistic, statistic)


def _broadcast(shapes: Sequence[tuple[Int, ...]]) -> tuple[Int, ...] | None:
    rank = max(map(len, shapes))
    sizes: list[Int] = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if sizes[i] == 1:
                sizes[i] = size
            elif size not in (1, sizes[i]):
                return None
    return tuple(sizes)


@rule(aten.index.Tensor)
def _index(x: TensorSpec, indices: Sequence[TensorSpec | None]) -> Found:
    """By vectors of integers, with sizes that vary."""
    given = [(i, spec) for i, spec in enumerate(indices) if spec is not None]
    if not given or all(spec.scope is None for spec in (x, *(s for _, s in given))):
        return None
    if any(spec.dtype not in (torch.int64, torch.int32) for _, spec in given):
        return None
    shape = _broadcast([spec.shape for _, spec in given])
    if shape is None or (len(given) < len(x.shape) and not is_canonical(x)):
        return None
    first, last = given[0][0], given[-1][0]
    if last - first + 1 != len(given):
        return None
    return fresh(x, (*x.shape[:first], *shape, *x.shape[last + 1 :]))


@rule(aten.embedding.default)
def _embedding(table: TensorSpec, index: TensorSpec, *rest: Any) -> Found:
    if len(table.shape) != 2 or index.dtype not in (torch.int64, torch.int32):
        return None
    return fresh(table, (*index.shape, table.shape[1]))


@rule(aten.cumsum.default)
def _cumsum(x: TensorSpec, dim: int, *, dtype: torch.dtype | None = None) -> Found:
    if x.scope is None or resolve(x, dim) is None or not is_dense(x):
        return None
    found = dtype or (torch.int64 if category(x.dtype) < 2 else x.dtype)
    return TensorSpec.of(x.shape, x.strides, found, x.device)


@rule(aten.dropout.default)
def _dropout(x: TensorSpec, p: float, train: bool) -> Found:
    if not train or p == 0:
        return View(x)
    return None


@rule(aten.diff.default)
def _diff(
    x: TensorSpec, n: int = 1, dim: int = -1, prepend: TensorSpec | None = None,
    append: TensorSpec | None = None,
) -> Found:  # fmt: skip
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
def _scatter_into(x: TensorSpec, source: TensorSpec, *where: Any) -> Found:
    if x.scope is None and source.scope is None:
        return None
    return x if is_dense(x) and source.dtype == x.dtype else None


@rule(aten.pad.default, aten.constant_pad_nd.default)
def _pad(x: TensorSpec, pads: Sequence[Int], *rest: Any) -> Found:
    """With zeros or another constant; ``pads`` counts from the last dimension."""
    if rest and isinstance(rest[0], str) and rest[0] != "constant":
        return None
    if all(isinstance(n, int) for n in (*x.shape, *pads)):
        return None
    if len(pads) % 2 or len(pads) > 2 * len(x.shape) or not is_canonical(x):
        return None
    shape = list(x.shape)
    for i in range(len(pads) // 2):
        size = shape[-1 - i] + pads[2 * i] + pads[2 * i + 1]
        if not is_size(size):
            return None
        shape[-1 - i] = size
    return fresh(x, shape)


@rule(aten.roll.default, aten.flip.default, aten.tril.default, aten.triu.default)
def _same_layout(x: TensorSpec, *rest: Any) -> Found:
    return x if x.scope is not None and is_canonical(x) else None


@rule(aten.nll_loss_nd.default, aten.nll_loss.default, aten.nll_loss2d.default)
def _nll_loss(
    x: TensorSpec, target: TensorSpec, weight: TensorSpec | None = None, reduction: int = 1,
    ignored: int = -100,
) -> Found:  # fmt: skip
    if x.scope is None and target.scope is None:
        return None
    return fresh(x, target.shape if reduction == 0 else ())
