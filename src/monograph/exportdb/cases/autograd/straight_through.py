"""A straight-through estimator.

What it shows
-------------
`x + (x.round() - x).detach()`.

Why it is hard
--------------
The value is that of the rounding, the gradient that of x.

What Monograph does
-------------------
`detach` is a node; gradients of the program are eager mode's.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd",))


class StraightThrough(nn.Module):
    def forward(self, x):
        return x + (x.round() - x).detach()


def model():
    return StraightThrough()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
