"""Branches that return different sizes.

What it shows
-------------
One branch returns two rows, the other three.

Why it is hard
--------------
What comes after must work with either.

What Monograph does
-------------------
The size becomes a number that is only known when the program runs.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond", "torch.dynamic-shape"))


class TwoSizes(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x[:2] * 1, lambda x: x[:3] * 2, (x,)).sum(0)


def model():
    return TwoSizes()


def inputs():
    return call(torch.ones(4, 2))


def more_inputs():
    return [call(-torch.ones(4, 2))]
