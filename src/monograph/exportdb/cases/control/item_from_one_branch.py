"""An entry of a dictionary that one branch makes.

What it shows
-------------
One side of a `cond` writes a new key into a dictionary outside of it.

Why it is hard
--------------
After the branch the key is there or not.

What Monograph does
-------------------
Refuses it, naming the entry and the side that lacks it.

Use instead
-----------
Return the value from both sides.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.cond", "python.data-structure", "python.side-effect"), support=Support.UNSUPPORTED
)


class FromOneBranch(nn.Module):
    def forward(self, x):
        kept = {}

        def double():
            kept["y"] = x * 2
            return x

        y = torch.cond(x.sum() > 0, double, lambda: x - 1)  # refused: MG-C112
        return y + kept.get("y", x)


def model():
    return FromOneBranch()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]


class Returned(nn.Module):
    def forward(self, x):
        y, kept = torch.cond(x.sum() > 0, lambda x: (x + 0, x * 2), lambda x: (x - 1, x + 0), (x,))
        return y + kept


def rewrite_returned():
    return Returned()


EXPECT = Expect(code="MG-C112")
