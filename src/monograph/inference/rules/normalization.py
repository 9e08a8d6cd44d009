"""Rules of batch and group normalisation."""

from __future__ import annotations

import torch

from monograph.inference.rules.pointwise import is_less
from monograph.inference.rules.table import (
    Found,
    are_strides_channels_last,
    channels_last,
    fresh,
    is_canonical,
    lies_channels_last,
    rule,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Int

aten = torch.ops.aten


@rule(aten.batch_norm.default)
def _batch_norm(
    x: TensorSpec,
    weight: TensorSpec | None,
    bias: TensorSpec | None,
    mean: TensorSpec | None,
    var: TensorSpec | None,
    training: bool,
    *rest: object,
) -> TensorSpec | None:
    if training or mean is None or len(x.shape) < 2 or x.numel == 0 or x.device.type != "cpu":
        return None
    per_channel = [spec for spec in (weight, bias, mean, var) if spec is not None]
    if any(spec.shape != x.shape[1:2] or spec.dtype != x.dtype for spec in per_channel):
        return None
    if is_canonical(x) or lies_channels_last(x):
        return x
    if x.scope is None and len(x.shape) == 4 and x.shape[1] > 1:
        laid = channels_last(x, x.shape)
        if x is laid and x.shape[2:] != (1, 1):
            return x
        of_rows = zip(x.shape, x.strides, laid.strides, strict=True)
        if are_strides_channels_last(x) or all(n == 1 or one == two for n, one, two in of_rows):
            return None
    elif len(x.shape) >= 4 and x.strides[1] <= min(x.strides):
        return None  # perhaps channels-last
    return fresh(x, x.shape)  # other layouts are not kept, whatever the fake kernel says


@rule(aten._native_batch_norm_legit_no_training.default)
def _batch_norm_inference(
    x: TensorSpec,
    weight: TensorSpec | None,
    bias: TensorSpec | None,
    mean: TensorSpec,
    var: TensorSpec,
    momentum: float,
    eps: float,
) -> Found:
    found = _batch_norm(x, weight, bias, mean, var, False)
    return None if found is None else (found, fresh(x, (0,)), fresh(x, (0,)))


@rule(aten._native_batch_norm_legit_functional.default)
def _batch_norm_training(
    x: TensorSpec,
    weight: TensorSpec | None,
    bias: TensorSpec | None,
    mean: TensorSpec,
    var: TensorSpec,
    training: bool,
    *rest: object,
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
def _group_norm(
    x: TensorSpec,
    groups: int,
    weight: TensorSpec | None = None,
    bias: TensorSpec | None = None,
    *rest: object,
) -> TensorSpec | None:
    if len(x.shape) < 2 or x.scope is None or x.device.type != "cpu":
        return None
    if x.shape[1].__class__ is not int or x.shape[1] % groups:
        return None
    for spec in (weight, bias):
        if spec is not None and (spec.shape != x.shape[1:2] or spec.dtype != x.dtype):
            return None
    if is_canonical(x) or lies_channels_last(x):
        return x
    has_channels_inside = len(x.shape) in (4, 5) and not any(
        is_less(stride, x.strides[1]) for stride in x.strides[2:]
    )
    return None if has_channels_inside else fresh(x, x.shape)


@rule(aten.native_group_norm.default)
def _native_group_norm(
    x: TensorSpec,
    weight: TensorSpec | None,
    bias: TensorSpec | None,
    batch: Int,
    channels: Int,
    size: Int,
    groups: int,
    eps: float,
) -> Found:
    found = _group_norm(x, groups, weight, bias)
    if found is not x:  # another layout is refused
        return None
    statistic = fresh(x, (x.shape[0], groups))
    return (found, statistic, statistic)


@rule(aten.instance_norm.default)
def _instance_norm(
    x: TensorSpec,
    weight: TensorSpec | None,
    bias: TensorSpec | None,
    mean: TensorSpec | None,
    variance: TensorSpec | None,
    *rest: object,
) -> TensorSpec | None:
    """Of samples whose sizes vary, by their own statistics."""
    if x.scope is None or not is_canonical(x) or len(x.shape) < 3:
        return None
    if mean is not None or variance is not None or not x.dtype.is_floating_point:
        return None
    if any(each is not None and (each.shape != x.shape[1:2] or each.dtype is not x.dtype)
           for each in (weight, bias)):  # fmt: skip
        return None
    return x
