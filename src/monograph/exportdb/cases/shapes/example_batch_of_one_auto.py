"""Dim.AUTO with an example of one.

What it shows
-------------
A size that is left to the exporter, of which the example has 1.

Why it is hard
--------------
An exporter that decides for itself may fix the size of the example, and say nothing.

What Monograph does
-------------------
Keeps it free, since nothing in the program fixes it; what it fixes it lists in `ep.assumptions`.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class ExampleOfOne(nn.Module):
    def forward(self, x):
        return x.softmax(-1).sum(0)


def model():
    return ExampleOfOne()


def inputs():
    return call(torch.randn(1, 4))


def dynamic_shapes():
    return {"x": {0: Dim.AUTO}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (0, 1, 2, 7)]
