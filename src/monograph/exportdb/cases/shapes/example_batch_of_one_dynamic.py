"""Dim.DYNAMIC with an example of one.

What it shows
-------------
A size without a name that must vary, of which the example has 1.

Why it is hard
--------------
A size of 1 broadcasts, and tracers tend to take it for a constant.

What Monograph does
-------------------
Captures it for every size.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class ExampleOfOne(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 2)

    def forward(self, x):
        return self.lin(x) + x[:, :2]


def model():
    return ExampleOfOne()


def inputs():
    return call(torch.randn(1, 4))


def dynamic_shapes():
    return {"x": {0: Dim.DYNAMIC}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (0, 1, 2, 7)]
