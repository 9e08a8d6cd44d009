"""The first rows of a table of positions.

What it shows
-------------
`x + self.pe[: x.shape[1]]`, with a length of at most 32.

Why it is hard
--------------
The slice must be as long as the input, for every length up to the size of the table.

What Monograph does
-------------------
Follows from the declared range; longer inputs are refused at the call.

Use instead
-----------
Pad or cut the inputs to what was declared; or export with a wider range (a longer table, and
`Dim("length", max=64)`).
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape", "model.sequence"))


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.pe = nn.Parameter(torch.randn(32, 4))

    def forward(self, x):
        return x + self.pe[: x.shape[1]]


def model():
    return Positions()


def inputs():
    return call(torch.randn(2, 5, 4))


def dynamic_shapes():
    return {"x": {1: Dim("length", max=32)}}


def more_sizes():
    return [call(torch.randn(2, n, 4)) for n in (0, 1, 31, 32)]


def bad_sizes():
    return [call(torch.randn(2, 33, 4))]


EXPECT = Expect(code="MG-I106")
