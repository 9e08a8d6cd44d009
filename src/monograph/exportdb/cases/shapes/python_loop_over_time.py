"""A Python loop over a time axis that varies.

What it shows
-------------
`for t in range(x.shape[1]): h = cell(x[:, t], h)`.

Why it is hard
--------------
Unrolled, the loop has the length of the example.

What Monograph does
-------------------
Turns the loop into a `while_loop`, where its length was declared to vary.

Use instead
-----------
`scan`, or a recurrent layer of torch.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.dynamic-shape", "torch.loop", "model.sequence"),
    support=Support.SUPPORTED,
)


class LoopOverTime(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.RNNCell(3, 4)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], 4)
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
        return h


def model():
    return LoopOverTime()


def inputs():
    return call(torch.randn(2, 5, 3))


def dynamic_shapes():
    return {"x": {1: Dim("time", min=1)}}


def more_sizes():
    return [call(torch.randn(2, n, 3)) for n in (1, 2, 9)]


EXPECT = Expect()
