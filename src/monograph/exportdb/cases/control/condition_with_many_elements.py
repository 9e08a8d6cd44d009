"""A loop's condition with many elements.

What it shows
-------------
`while_loop(lambda x: x > 0, ...)`.

Why it is hard
--------------
A loop goes on or ends.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
`.any()` or `.all()`.
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.loop",), support=Support.UNSUPPORTED)


class ManyConditions(nn.Module):
    def forward(self, x):
        (y,) = while_loop(lambda y: y < 0, lambda y: (y + 1,), (x,))  # refused: MG-C108
        return y


def model():
    return ManyConditions()


def inputs():
    return call(torch.ones(2))


class OneCondition(nn.Module):
    def forward(self, x):
        (y,) = while_loop(lambda y: (y < 0).all(), lambda y: (y + 1,), (x,))
        return y


def rewrite_all():
    return OneCondition()


EXPECT = Expect(code="MG-C108")
