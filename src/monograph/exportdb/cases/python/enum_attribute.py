"""An enum as an attribute.

What it shows
-------------
The model keeps its mode as an enum member.

Why it is hard
--------------
It steers the program, and is not an input.

What Monograph does
-------------------
Part of the program; strict mode lists it in `ep.assumptions`.
"""

from enum import Enum

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.object-model", "python.control-flow"))


class Pool(Enum):
    MEAN = "mean"
    LAST = "last"


class EnumAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = Pool.LAST

    def forward(self, x):
        return x.mean(1) if self.pool is Pool.MEAN else x[:, -1]


def model():
    return EnumAttribute()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
