"""A branch that gives one row on one side, and all of them on the other, beside all of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, export

SIDES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda x: x.mean(0, keepdim=True),
    "sliced": lambda x: x[:1],
    "pooled": lambda x: nn.functional.adaptive_avg_pool1d(x.t(), 1).t(),
}
USES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mul": lambda x, y: x * y,
    "flipped": lambda x, y: y.relu() - x,
    "where": lambda x, y: torch.where(y > 0, x, y),
    "lerp": lambda x, y: torch.lerp(x, y, 0.5),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, 1.0),
    "addcmul": lambda x, y: torch.addcmul(x, x, y),
    "more dimensions": lambda x, y: x.unsqueeze(0) * y,
    "expand_as": lambda x, y: y.expand_as(x) * 2,
    "cat": lambda x, y: torch.cat([x, y.expand(x.shape[0], -1)], 1),
    "of two": lambda x, y: (x * y) * y.sin(),
}


class OneRowOrAll(nn.Module):
    """With few rows a summary of them, else something of each."""

    def __init__(
        self,
        side: Callable[[torch.Tensor], torch.Tensor],
        use: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        few_first: bool,
    ) -> None:
        super().__init__()
        self.side, self.use, self.few_first = side, use, few_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.few_first:
            y = self.side(x) if x.shape[0] <= 8 else x.cumsum(0)
        else:
            y = x.cumsum(0) if x.shape[0] > 8 else self.side(x)
        return self.use(x, y)


@pytest.mark.parametrize(
    ("use", "side", "few_first"), itertools.product(USES, SIDES, (True, False))
)
def test_one_row_is_stretched(use: str, side: str, few_first: bool, tmp_path: Path) -> None:
    model = OneRowOrAll(SIDES[side], USES[use], few_first)
    for example in (5, 12):
        given = (torch.randn(example, 4),)
        program = export(model, given, dynamic_shapes=({0: Dim.DYNAMIC},))
        monograph.save(program, tmp_path / "rows.pt2")
        forms = [program, program.run_decompositions(), monograph.load(tmp_path / "rows.pt2")]
        for rows in (example, 1, 2, 8, 9, 20):
            x = torch.randn(rows, 4)
            for form in forms:
                try:
                    found = form.module()(x)
                except monograph.InputError:  # the other side, where it is left out
                    assert (rows <= 8) is not (example <= 8)
                    assert use in ("expand_as", "cat")
                    continue
                torch.testing.assert_close(found, model(x))
