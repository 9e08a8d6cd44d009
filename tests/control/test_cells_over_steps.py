"""A recurrent cell in a loop over steps: rows of the input and of its states are said apart."""

import pytest
import torch
from torch import nn

from monograph import Dim, InputError, export


class Steps(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.cell = kind(3, 4)
        self.is_pair = kind is nn.LSTMCell

    def forward(self, x, hidden, state):
        made = []
        for step in x.unbind(1):
            if self.is_pair:
                hidden, state = self.cell(step, (hidden, state))
            else:
                hidden = self.cell(step, hidden)
            made.append(hidden)
        return torch.stack(made, dim=1), hidden + state


@pytest.mark.parametrize("rows", [2, 1])
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_a_cell_demands_as_many_rows(kind, strict, rows):
    model, varying = Steps(kind), {0: Dim.DYNAMIC}

    def call(rows, steps):
        return torch.randn(rows, steps, 3), torch.randn(rows, 4), torch.randn(rows, 4)

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC}, varying, varying)
    program = export(model, call(rows, 3), dynamic_shapes=shapes, strict=strict).module()
    for given in [call(1, 1), call(3, 2), call(2, 5)]:
        torch.testing.assert_close(program(*given), model(*given))
    x, hidden, state = call(3, 2)
    with pytest.raises((InputError, RuntimeError)):
        model(x, hidden[:2], state)
    with pytest.raises((InputError, RuntimeError)):
        program(x, hidden[:2], state)
