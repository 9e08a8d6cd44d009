"""An operator whose result's size depends on values.

What it shows
-------------
`torch.masked_select` and `nonzero` as results.

Why it is hard
--------------
The sizes are only known when the program runs.

What Monograph does
-------------------
Symbols for the sizes; both results are right with no element as well.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.operator"))


class SizesFromValues(nn.Module):
    def forward(self, x):
        return torch.masked_select(x, x > 0), torch.nonzero(x)


def model():
    return SizesFromValues()


def inputs():
    return call(torch.tensor([[1.0, -1.0], [0.0, 2.0]]))


def more_inputs():
    return [call(-torch.ones(2, 2)), call(torch.ones(2, 2))]
