"""Branches that use parameters.

What it shows
-------------
Both branches use layers of the model that are not among the operands.

Why it is hard
--------------
A subgraph sees its operands alone.

What Monograph does
-------------------
Parameters become operands.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond", "torch.module", "python.closure"))


class OverParameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda: self.one(x), lambda: self.two(x).relu(), ())


def model():
    return OverParameters()


def inputs():
    return call(torch.ones(2, 3))


def more_inputs():
    return [call(-torch.ones(2, 3))]
