"""A branch on data that leaves a with block.

What it shows
-------------
`return` inside `with`, under a condition on data.

Why it is hard
--------------
The block must be left in the middle, on one side only.

What Monograph does
-------------------
Refuses it in the default mode.

Use instead
-----------
Decide after the block.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.context-manager", "python.control-flow"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class InWith(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            if x.sum() > 0:  # refused: MG-D101
                return x * 2
        return x + 1


def model():
    return InWith()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]


class AfterWith(nn.Module):
    def forward(self, x):
        with torch.no_grad():
            is_positive = x.sum() > 0
        return torch.where(is_positive, x * 2, x + 1)


def rewrite_after():
    return AfterWith()


EXPECT = Expect(code="MG-D101")
