"""What an export of a static program does grows with its operators, writes among them or not."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import monograph


class Layers(nn.Module):
    """``count`` layers, each of which writes what the one before it made."""

    def __init__(self, count: int, write: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(count))
        self.write = write

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.write(layer(x))
        return x


def _calls(model: nn.Module) -> int:
    """How many calls an export of ``model`` makes, when nothing is left to be loaded or looked at.

    (After a collection of garbage an export looks at what functions there are, once.)
    """
    return min(_counted(model) for _ in range(3))


def _counted(model: nn.Module) -> int:
    count = 0

    def seen(frame: object, event: str, _: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        monograph.export(model, (torch.randn(2, 4),))
    finally:
        sys.setprofile(before)
    return count


WRITES: dict[str, Callable[[Tensor], Tensor]] = {
    "none": torch.relu,
    "relu_": torch.relu_,
    "add_": lambda x: x.add_(1),
    "a part": lambda x: (x[:, 0].mul_(2), x)[1],
    "an item": lambda x: (x.__setitem__((0, 1), 1.0), x)[1],
}


@pytest.mark.parametrize("name", WRITES)
def test_work_grows_with_the_operators(name: str) -> None:
    few, more, most = (_calls(Layers(count, WRITES[name])) for count in (10, 20, 40))
    assert most - more < 2.1 * (more - few)
