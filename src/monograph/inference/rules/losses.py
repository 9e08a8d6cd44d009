"""Rules of losses."""

from __future__ import annotations

import torch

from monograph.inference.rules.pointwise import category
from monograph.inference.rules.table import fresh, is_canonical, rule, tied
from monograph.ir.spec import TensorSpec

aten = torch.ops.aten


@rule(aten.nll_loss_nd.default, aten.nll_loss.default, aten.nll_loss2d.default)
def _nll_loss(
    x: TensorSpec,
    target: TensorSpec,
    weight: TensorSpec | None = None,
    reduction: int = 1,
    ignored: int = -100,
) -> TensorSpec | None:
    if x.scope is None and target.scope is None:
        return None
    return fresh(x, target.shape if reduction == 0 else ())


@rule(aten.cross_entropy_loss.default)
def _cross_entropy(
    x: TensorSpec,
    target: TensorSpec,
    weight: TensorSpec | None = None,
    reduction: int = 1,
    *rest: object,
    **options: object,
) -> TensorSpec | None:
    """Of classes: of probabilities it is another computation."""
    is_of_classes = target.dtype is torch.int64 and len(target.shape) == len(x.shape) - 1
    if x.scope is None or not is_of_classes or category(x.dtype) != 2 or target.device != x.device:
        return None
    if weight is not None and (weight.shape != x.shape[1:2] or weight.dtype != x.dtype):
        return None
    sizes = (*x.shape[:1], *x.shape[2:]) if len(x.shape) > 1 else ()
    if not tied(zip(sizes, target.shape, strict=True)):
        return None
    return fresh(x, target.shape if reduction == 0 else ())


@rule(aten.mse_loss.default, aten.l1_loss.default, aten.soft_margin_loss.default)
@rule(aten.smooth_l1_loss.default, aten.huber_loss.default, aten.kl_div.default)
def _of_pairs(
    x: TensorSpec, target: TensorSpec, reduction: int = 1, *rest: object, **options: object
) -> TensorSpec | None:
    """Of two tensors of one shape: where another is broadcast, what fits is asked elsewhere."""
    is_alike = x.shape == target.shape and x.dtype == target.dtype and x.device == target.device
    if x.scope is None or not is_alike or category(x.dtype) != 2:
        return None
    if reduction:
        return fresh(x, ())
    return x if is_canonical(x) and is_canonical(target) else None


@rule(aten.binary_cross_entropy.default)
def _cross_entropy_of_two(
    x: TensorSpec, target: TensorSpec, weight: TensorSpec | None = None, reduction: int = 1
) -> TensorSpec | None:
    return _of_pairs(x, target, reduction) if weight is None else None


@rule(aten.binary_cross_entropy_with_logits.default)
def _cross_entropy_of_logits(
    x: TensorSpec,
    target: TensorSpec,
    weight: TensorSpec | None = None,
    of_positive: TensorSpec | None = None,
    reduction: int = 1,
) -> TensorSpec | None:
    is_plain = weight is None and of_positive is None
    return _of_pairs(x, target, reduction) if is_plain else None
