"""A slice by half a size, rounded.

What it shows
-------------
`x[: round(x.shape[0] / 2)]`; halves are rounded to the even neighbour.

Why it is hard
--------------
Python computes the quotient in floating point.

What Monograph does
-------------------
An integer expression that is right for halves, too.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "python.builtin"))


class RoundedHalf(nn.Module):
    def forward(self, x):
        return x[: round(x.shape[0] / 2)] * 2


def model():
    return RoundedHalf()


def inputs():
    return call(torch.randn(5, 2))


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n, 2)) for n in range(9)]
