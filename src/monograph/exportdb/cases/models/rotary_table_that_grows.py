"""A table of positions that grows when it is too short.

What it shows
-------------
`if n > self.table.shape[0]: self.table = build(n)`.

Why it is hard
--------------
State of another size, made when a long input comes.

What Monograph does
-------------------
With a length below the table's the branch is never taken, and becomes a bound on the length.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.sequence", "torch.dynamic-shape", "torch.mutation"))


class Rope(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.arange(16.0)[:, None], persistent=False)

    def forward(self, x):
        n = x.shape[1]
        if n > self.table.shape[0]:
            self.table = torch.arange(float(n))[:, None]
        return x * self.table[:n].cos()


def model():
    return Rope()


def inputs():
    return call(torch.randn(1, 5, 2))


def dynamic_shapes():
    return {"x": {1: Dim("n", min=1, max=16)}}


def more_sizes():
    return [call(torch.randn(1, n, 2)) for n in (1, 16)]
