"""A loop whose state becomes another thing.

What it shows
-------------
The body of a `while_loop` returns a tensor with one more dimension than it was given.

Why it is hard
--------------
Each iteration starts from what the one before has left: the body is captured once, and must fit
them all.

What Monograph does
-------------------
Refuses it, and shows the state before and after. Sizes may change, as in a list that grows; dtype
and number of dimensions may not.

Use instead
-----------
Keep the number of dimensions and the dtype: start with `torch.zeros(0, 3)` and concatenate rows,
convert before the loop.

See also
--------
while_loop_growing, loop_that_appends
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
