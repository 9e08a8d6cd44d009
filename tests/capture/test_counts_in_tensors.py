"""Tensors of one integer that are made of sizes, given to functions that want a plain number."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import monograph
from monograph import Dim


def _shapes(x: Tensor) -> Tensor:
    return torch.as_tensor([(x.shape[0], x.shape[1]), (3, 4)], dtype=torch.long)


def _centres(x: Tensor) -> list[Tensor]:
    found = []
    for height, width in _shapes(x):
        rows = torch.linspace(0.5, height - 0.5, height, dtype=torch.float32)
        columns = torch.linspace(0.5, width - 0.5, width, dtype=torch.float32)
        found.append(rows[:, None] / height + columns / width)
    return found


FUNCTIONS: dict[str, Callable[[Tensor], object]] = {
    "centres": _centres,
    "linspace": lambda x: torch.linspace(_shapes(x)[0, 0], 100.0, _shapes(x)[0, 0]),
    "by name": lambda x: torch.linspace(start=0.5, end=3.0, steps=_shapes(x)[0, 1]),
    "logspace": lambda x: torch.logspace(0.5, 2.0, _shapes(x)[0, 0]),
    "window": lambda x: torch.hann_window(_shapes(x)[0, 0]),
    "one hot": lambda x: F.one_hot(torch.arange(x.shape[0]), _shapes(x)[0, 0]),
    "windows": lambda x: x.unfold(0, _shapes(x)[0, 0], 1),
    "end of data": lambda x: torch.linspace(0.5, x.sum(), _shapes(x)[0, 0]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_count(name: str) -> None:
    class Model(torch.nn.Module):
        def forward(self, x: Tensor) -> object:
            return FUNCTIONS[name](x)

    dynamic = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(Model(), (torch.randn(8, 6),), dynamic_shapes=dynamic)
    for sizes in ((8, 6), (5, 7), (2, 2), (3, 1)):
        x = torch.randn(sizes)
        torch.testing.assert_close(program.module()(x), FUNCTIONS[name](x))
