"""A batch without elements.

What it shows
-------------
A program that was captured with three rows is called with none.

Why it is hard
--------------
Sizes of 0 have special cases in many kernels, and tracers exclude them.

What Monograph does
-------------------
0 is a size like any other.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class EmptyBatch(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 2)

    def forward(self, x):
        y = self.lin(x).relu()
        return y, y.sum(0), torch.cat([y, y])


def model():
    return EmptyBatch()


def inputs():
    return call(torch.randn(3, 4))


def dynamic_shapes():
    return {"x": {0: Dim("batch")}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (0, 1, 5)]
