"""A square grid from the number of tokens.

What it shows
-------------
`s = int(math.sqrt(n))`, and a reshape to s by s, as vision transformers do.

Why it is hard
--------------
A square root in floating point of a size.

What Monograph does
-------------------
Integer square roots are exact; what is not a square is reshaped, or fails, as in eager mode.
"""

import math

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.vision"))


class SquareGrid(nn.Module):
    def forward(self, x):
        s = int(math.sqrt(x.shape[1]))
        return x.reshape(x.shape[0], s, s, -1).mean((1, 2))


def model():
    return SquareGrid()


def inputs():
    return call(torch.randn(2, 9, 4))


def dynamic_shapes():
    return {"x": {0: Dim("batch"), 1: Dim("tokens", min=1)}}


def more_sizes():
    return [call(torch.randn(b, n, 4)) for b, n in ((1, 1), (2, 4), (3, 16), (2, 49))]
