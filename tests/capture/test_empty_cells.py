"""A function whose closure has a name that is not bound yet is data like any other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import monograph


def _half_made() -> Callable[[], object]:
    def half_made() -> object:
        return later

    if not half_made:
        later = 1
    return half_made


class Collecting(nn.Module):
    """It puts ``half_made`` into a list that outlives the call."""

    def __init__(self, half_made: Callable[[], object]) -> None:
        super().__init__()
        self.found: list[object] = []
        self.half_made = half_made

    def forward(self, x: Tensor) -> Tensor:
        self.found.clear()
        self.found.append(self.half_made)
        self.found.append(self.half_made.__name__)
        return x * len(self.found)


@pytest.mark.parametrize("strict", [False, True])
def test_a_function_with_an_empty_cell_is_kept(strict: bool) -> None:
    model, x = Collecting(_half_made()), torch.randn(3)
    run = monograph.export(model, (x,), strict=strict).module()
    for _ in range(2):
        assert torch.equal(run(x), model(x))
