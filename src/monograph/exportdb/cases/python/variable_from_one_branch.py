"""A variable that only one side of a branch defines.

What it shows
-------------
`if x.sum() > 0: y = x * 2`, and y is used afterwards. Where the condition does not hold eager mode
raises `UnboundLocalError`.

Why it is hard
--------------
What comes after the branch needs a value on both sides.

What Monograph does
-------------------
Refuses the branch in the default mode. Strict mode does as eager mode does: that the condition
holds becomes an assertion of the program, with this message.

Use instead
-----------
Define the variable before the branch.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.cond"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class OneSided(nn.Module):
    def forward(self, x):
        if x.sum() > 0:  # refused: MG-D101
            y = x * 2
        return y + 1


def model():
    return OneSided()


def inputs():
    return call(torch.ones(3))


def bad_inputs():
    return [call(-torch.ones(3))]


class Before(nn.Module):
    def forward(self, x):
        y = torch.where(x.sum() > 0, x * 2, x)
        return y + 1


def rewrite_before():
    return Before()


EXPECT = Expect(code="MG-D101")
