"""Rules of losses."""

from __future__ import annotations

import torch

from monograph.inference.rules.table import fresh, rule
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
