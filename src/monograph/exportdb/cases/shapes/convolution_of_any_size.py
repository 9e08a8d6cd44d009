"""Convolutions over a batch and an image that vary.

What it shows
-------------
Strides and padding with sizes that are declared.

Why it is hard
--------------
The sizes of the results are floors of quotients.

What Monograph does
-------------------
Exact integer expressions.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.vision"))


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.two = nn.Conv2d(4, 4, 3, stride=2)

    def forward(self, x):
        return self.two(self.one(x).relu()).mean((2, 3))


def model():
    return Convolutions()


def inputs():
    return call(torch.randn(1, 3, 16, 16))


def dynamic_shapes():
    return {"x": {0: Dim("batch"), 2: Dim("h", min=8), 3: Dim("w", min=8)}}


def more_sizes():
    return [call(torch.randn(b, 3, h, w)) for b, h, w in ((2, 8, 9), (1, 17, 32))]
