"""A loop whose state becomes another thing.

What it shows
-------------
The body returns a tensor with one more dimension.

Why it is hard
--------------
Each iteration starts from what the one before has left.

What Monograph does
-------------------
Refuses it, and shows the state before and after.

Use instead
-----------
Keep the number of dimensions and the dtype.
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.loop",), support=Support.UNSUPPORTED)


class Changing(nn.Module):
    def forward(self, x):
        (y,) = while_loop(lambda y: y.sum() < 9, lambda y: (y[None] + 1,), (x,))  # refused: MG-C107
        return y


def model():
    return Changing()


def inputs():
    return call(torch.ones(3) * 9)


class Kept(nn.Module):
    def forward(self, x):
        (y,) = while_loop(lambda y: y.sum() < 9, lambda y: (y + 1,), (x,))
        return y


def rewrite_kept():
    return Kept()


EXPECT = Expect(code="MG-C107")
