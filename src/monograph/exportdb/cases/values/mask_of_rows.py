"""Rows selected by a mask.

What it shows
-------------
A boolean mask, an argument, selects rows, which then go through a layer.

Why it is hard
--------------
How many rows there are depends on the mask's values.

What Monograph does
-------------------
Makes a symbol for their number, between zero and the number of rows, and goes on with it.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-value", "torch.dynamic-shape"))


class MaskedRows(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x, mask):
        return self.linear(x[mask]).relu()


def model():
    torch.manual_seed(0)
    return MaskedRows()


def inputs():
    return call(torch.randn(3, 4), torch.tensor([True, False, True]))


def more_inputs():
    return [call(torch.randn(3, 4), torch.tensor([value] * 3)) for value in (False, True)]


EXPECT = Expect(inputs=("PARAMETER", "PARAMETER", "USER_INPUT", "USER_INPUT"))


def dynamic_shapes():
    rows = Dim("rows")
    return {"x": {0: rows}, "mask": {0: rows}}


def more_sizes():
    return [call(torch.randn(n, 4), torch.arange(n) % 2 == 0) for n in (1, 2, 7)]


def bad_sizes():
    return [call(torch.randn(2, 4), torch.tensor([True, False, True]))]
