"""Sizes that an operator fixes, whose parts are computed afterwards: in graphs and in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, export

# How many columns there are for a size: each is no symbol, and is fixed by a parameter's size.
COLUMNS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "windows": lambda x: x.unfold(1, 16, 16).mean(-1),
    "windows of six": lambda x: x.unfold(1, 16, 16)[:, :, :6].flatten(1),
    "padded": lambda x: nn.functional.pad(x, (0, -x.shape[1] % 16)).unfold(1, 16, 16).amax(-1),
    "strided": lambda x: x[:, 3::5].sin(),
}
USES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "reshape": lambda y: y.reshape(y.shape[0], y.shape[1] * 2),
    "one more": lambda y: torch.cat([y[:, :1], y], 1).reshape(-1, y.shape[1] + 1, 2, 1),
    "new": lambda y: y.sum() + y.new_ones(3 * y.shape[1] + 1, 2),
    "numbers": lambda y: y * (y.shape[1] // 3) + y.shape[1] / 7,
    "expanded": lambda y: y[:, :1].expand(-1, y.shape[1] + 2, -1),
    "branch": lambda y: y.sin() if y.shape[1] % 2 else y.reshape(-1, y.shape[1] // 2, 4),
}


class Fixed(nn.Module):
    """Adds a parameter that has as many rows as there are columns."""

    def __init__(self, name: str, use: str, count: int) -> None:
        super().__init__()
        self.name, self.use = name, use
        self.rows = nn.Parameter(torch.randn(1, count, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = COLUMNS[self.name](x).unsqueeze(-1) + self.rows
        return USES[self.use](y)


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("use", USES)
def test_what_is_fixed_is_a_number(name: str, use: str, tmp_path: Path) -> None:
    x = torch.randn(2, 67)
    model = Fixed(name, use, COLUMNS[name](x).shape[1])
    program = export(model, (x,), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},))
    monograph.save(program, tmp_path / "fixed.pt2")
    runs = [
        program.module(),
        program.run_decompositions().module(),
        monograph.load(tmp_path / "fixed.pt2").module(),
        program.to_torch().module(),
        torch.export.load(tmp_path / "fixed.pt2").module(),
    ]
    for shape in [(2, 67), (1, 67), (3, 66), (2, 69), (3, 79), (1, 65)]:
        x = torch.randn(shape)
        try:
            expected = model(x)
        except RuntimeError:
            continue
        for run in runs:
            torch.testing.assert_close(run(x), expected)
