"""What a loop over a size makes first and the program uses afterwards: there is a first iteration.

Without one Python raises an error, and the program refuses such a size before it runs.
"""

import pytest
import torch
from torch import nn

from monograph import Dim, MonographError, export

CELL, READ = nn.GRUCell(3, 4), nn.Linear(4, 3)


def _a_cell_that_goes_on(x):
    hidden, outputs = torch.zeros(x.shape[0], 4), []
    for step in x.split(1, dim=1):
        hidden = CELL(step.squeeze(1), hidden)
        output = READ(hidden)
        outputs += [output]
    for _ in range(2):
        hidden = CELL(output, hidden)
        output = READ(hidden)
        outputs += [output]
    return torch.stack(outputs, 1)


def _the_last(x):
    for step in range(x.shape[1]):
        last = x[:, step] * step
    return last


def _two_of_them(x):
    for place, row in enumerate(x.unbind(1)):
        total = row.sum() + place
        twice = total * 2
    return total + twice


def _a_number(x):
    for step in range(x.shape[1]):
        number, part = step * 2, x[:, step].sum()
    return part * number


def _a_while_loop(x):
    step = 0
    while step < x.shape[1]:
        part = x[:, step].sum()
        step += 2
    return part * step


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    "program", [_a_cell_that_goes_on, _the_last, _two_of_them, _a_number, _a_while_loop]
)
def test_it_is_there_afterwards(program, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    ep = export(program, (torch.randn(2, 5, 3),), dynamic_shapes=shapes, strict=strict)
    for size in ((2, 5), (1, 1), (3, 2), (0, 3), (2, 7)):
        x = torch.randn(*size, 3)
        torch.testing.assert_close(ep.module()(x), program(x))
    with pytest.raises((UnboundLocalError, ValueError)):  # a split of nothing is one piece
        program(torch.randn(2, 0, 3))
    with pytest.raises(MonographError, match=r"\[1\]"):
        ep.module()(torch.randn(2, 0, 3))
