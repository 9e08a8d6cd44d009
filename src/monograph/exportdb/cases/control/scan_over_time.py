"""A recurrent network with scan.

What it shows
-------------
`scan` over a time axis that varies.

Why it is hard
--------------
A loop with a state and an output in each step.

What Monograph does
-------------------
One node; the length is that of the call.
"""

import torch
from torch import nn
from torch._higher_order_ops import scan

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.loop", "model.sequence", "torch.dynamic-shape"))


class ScanCell(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(5, 2)

    def forward(self, x):
        def step(h, row):
            h = self.cell(torch.cat([h, row], -1)).tanh()
            return h, h * 1

        return scan(step, torch.zeros(2), x)[1]


def model():
    return ScanCell()


def inputs():
    return call(torch.randn(4, 3))


def dynamic_shapes():
    return {"x": {0: Dim("time", min=1)}}


def more_sizes():
    return [call(torch.randn(n, 3)) for n in (1, 2, 9)]
