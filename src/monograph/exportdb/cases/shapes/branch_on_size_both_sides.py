"""A branch on a size, both sides wanted.

What it shows
-------------
`if x.shape[0] > 8` goes one way for small batches, and another for large ones.

Why it is hard
--------------
The example has one size, and its way is what a trace sees.

What Monograph does
-------------------
Captures both sides as a `cond` on the size. `Dim.AUTO` gives way instead: the program holds for
the sizes on the example's side.

Use instead
-----------
`torch.cond(x.shape[0] > 8, ...)`, or two programs for two ranges.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.dynamic-shape", "python.control-flow", "torch.cond"),
    support=Support.SUPPORTED,
)


class BothSides(nn.Module):
    def forward(self, x):
        if x.shape[0] > 8:
            return x.mean(0)
        return x.sum(0)


def model():
    return BothSides()


def inputs():
    return call(torch.randn(4, 3))


def dynamic_shapes():
    return {"x": {0: Dim("batch")}}


def more_sizes():
    return [call(torch.randn(n, 3)) for n in (1, 8, 9, 20)]


class Cond(nn.Module):
    def forward(self, x):
        return torch.cond(x.shape[0] > 8, lambda x: x.mean(0), lambda x: x.sum(0), (x,))


def rewrite_cond():
    return Cond()


EXPECT = Expect()
