"""A view of a size that is declared as a multiple.

What it shows
-------------
`2 * Dim("half")` says that a size is even.

Why it is hard
--------------
The program divides the size by two, and multiplies again: that must be seen to be exact.

What Monograph does
-------------------
Captures it for all even sizes, and refuses odd ones at the call.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class EvenView(nn.Module):
    def forward(self, x):
        return x.view(x.shape[0] // 2, 2, -1).sum(1)


def model():
    return EvenView()


def inputs():
    return call(torch.randn(4, 3))


def dynamic_shapes():
    return {"x": {0: 2 * Dim("half", min=1)}}


def more_sizes():
    return [call(torch.randn(n, 3)) for n in (2, 4, 10)]


def bad_sizes():
    return [call(torch.randn(5, 3))]
