"""Branches of two dtypes.

What it shows
-------------
One branch returns float64, the other float32.

Why it is hard
--------------
A node has one dtype.

What Monograph does
-------------------
Promotes both to one dtype, and lists it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond", "torch.dtype"))


class TwoDtypes(nn.Module):
    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda x: x.double() * 2, lambda x: x * 3, (x,))
        return y.float()


def model():
    return TwoDtypes()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]
