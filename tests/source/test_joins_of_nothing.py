"""What is joined of the items of a list that a loop has made: an error where it has made none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

import monograph
from monograph import Dim, export

Join = Callable[..., torch.Tensor]
JOINS: dict[str, Join] = {
    "cat": torch.cat,
    "stack": torch.stack,
    "hstack": torch.hstack,
    "vstack": torch.vstack,
    "padded": pad_sequence,
}


class Appending(nn.Module):
    def __init__(self, join: Join) -> None:
        super().__init__()
        self.join = join

    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        made = []
        for i in range(count):
            made.append(x * i)
        return self.join(made)


class OfSizes(Appending):
    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        made = []
        for i in range(x.shape[0]):
            made.append(x[i] * i)
        return self.join(made)


class Scalars(Appending):
    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        made = []
        for i in range(x.shape[0]):
            made.append(x[i].sum())
        return self.join(made)


class Pieces(Appending):
    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        made = []
        for i in range(x.shape[0]):
            made.append(x[:i])
        return self.join(made)


class Stacked(Appending):
    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        return torch.stack(x.unbind(0), 1)


class Joined(Appending):
    def forward(self, x: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        return torch.cat(x.unbind(0))


def _compare(model: nn.Module) -> None:
    shapes = ({0: Dim.DYNAMIC}, None)
    program = export(
        model, (torch.rand(3, 2), torch.tensor(3)), dynamic_shapes=shapes, strict=True
    ).module()
    for number in (3, 1, 2):
        args = (torch.rand(number, 2), torch.tensor(number))
        torch.testing.assert_close(program(*args), model(*args))
    none = (torch.rand(0, 2), torch.tensor(0))
    with pytest.raises((RuntimeError, ValueError)):
        model(*none)
    with pytest.raises((RuntimeError, monograph.InputError)):
        program(*none)


@pytest.mark.parametrize("join", JOINS)
def test_appended_in_a_loop(join: str) -> None:
    _compare(Appending(JOINS[join]))


@pytest.mark.parametrize(
    ("kind", "join"),
    [
        (OfSizes, "cat"),
        (OfSizes, "hstack"),
        (OfSizes, "vstack"),
        (Scalars, "stack"),
        (Scalars, "vstack"),
        (Pieces, "cat"),
        (Pieces, "padded"),
        (Stacked, "stack"),
        (Joined, "cat"),
    ],
)
def test_appended_for_each_row(kind: type[Appending], join: str) -> None:
    _compare(kind(JOINS[join]))
