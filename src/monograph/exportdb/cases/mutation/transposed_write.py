"""A write through a chain of views.

What it shows
-------------
`x.t()[0].mul_(2)` on an intermediate tensor, read through another view.

Why it is hard
--------------
Three names for one memory.

What Monograph does
-------------------
Each write becomes a new value of the whole, from which the other views are taken anew.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.aliasing", "torch.mutation"))


class ChainOfViews(nn.Module):
    def forward(self, x):
        y = x + 0
        row = y.view(-1)
        y.t()[0].mul_(2)
        return row.sum(), y


def model():
    return ChainOfViews()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3))]
