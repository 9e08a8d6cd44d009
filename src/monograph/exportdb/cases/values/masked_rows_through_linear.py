"""The rows of a mask through a linear layer.

What it shows
-------------
A boolean mask selects rows, a layer runs on them.

Why it is hard
--------------
How many rows there are is only known when the program runs.

What Monograph does
-------------------
The number of rows becomes a symbol that flows through the layer; no row at all is fine.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.dynamic-shape"))


class MaskedRows(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 2)

    def forward(self, x, mask):
        return self.lin(x[mask]).relu()


def model():
    return MaskedRows()


def inputs():
    return call(torch.randn(5, 4), torch.tensor([True, False, True, True, False]))


def more_inputs():
    return [
        call(torch.randn(5, 4), torch.zeros(5, dtype=torch.bool)),
        call(torch.randn(5, 4), torch.ones(5, dtype=torch.bool)),
    ]
