"""What an export in strict mode gives is no matter of the exports before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from monograph import Dim, OperatorError, export

Side = Callable[[torch.Tensor], torch.Tensor]


class TwoSides(nn.Module):
    def __init__(self, many: Side, few: Side) -> None:
        super().__init__()
        self.many, self.few = many, few

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[0] > 4:  # noqa: SIM108
            y = self.many(x)
        else:
            y = self.few(x)
        return y.view(-1) * 2


def _refused(x: torch.Tensor) -> torch.Tensor:
    return x.t().view(-1, 4)


def _last_row(rows: int, many: Side, few: Side) -> int | None:
    shapes = ({0: Dim.DYNAMIC},)
    program = export(
        TwoSides(many, few), (torch.rand(rows, 4),), dynamic_shapes=shapes, strict=True
    )
    (bounds,) = program.range_constraints.values()
    return bounds.upper


def test_a_branch_that_fits_one_program_need_not_fit_the_next() -> None:
    assert _last_row(3, _refused, torch.sin) == 4
    assert _last_row(3, torch.cos, torch.sin) is None
    assert _last_row(3, _refused, torch.sin) == 4
    assert _last_row(3, torch.cos, torch.sin) is None
    with pytest.raises(OperatorError, match="Cannot view"):
        _last_row(6, _refused, torch.sin)
    assert _last_row(3, torch.cos, torch.sin) is None
