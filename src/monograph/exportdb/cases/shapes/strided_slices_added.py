"""Every second element, added.

What it shows
-------------
`x[::2] + x[1::2]` for even sizes.

Why it is hard
--------------
The two slices have equal lengths only where the size is even.

What Monograph does
-------------------
Declared as `2*n` that follows, for all sizes.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class Strided(nn.Module):
    def forward(self, x):
        return x[::2] + x[1::2]


def model():
    return Strided()


def inputs():
    return call(torch.randn(6))


def dynamic_shapes():
    return {"x": {0: 2 * Dim("n", min=1)}}


def more_sizes():
    return [call(torch.randn(n)) for n in (2, 4, 10)]
