"""A size that is divided and rounded.

What it shows
-------------
``round`` is called on a quotient of a size, which Python computes in floating point; halves go to
the even neighbour.

Why it is hard
--------------
The result must be a size again, exactly, for every size of the input.

What Monograph does
-------------------
Keeps sizes as integers: the rounded quotient is an expression with floor divisions, right for
halves and for negative digits (``round(n, -1)``).
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.builtin", "torch.dynamic-shape"))


class DynamicShapeRound(nn.Module):
    def forward(self, x):
        return x[: round(x.shape[0] / 2)] * round(x.shape[0] * 5, -1)


def model():
    return DynamicShapeRound()


def inputs():
    return call(torch.ones(3, 2))


EXPECT = Expect(operators=("slice", "mul"))


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.ones(n, 2)) for n in range(14)]
