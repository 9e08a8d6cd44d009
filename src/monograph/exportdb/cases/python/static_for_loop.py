"""A loop with a constant number of iterations.

What it shows
-------------
A `for` over `range(10)` appends to a list, which is returned.

Why it is hard
--------------
The graph has no loops of its own here.

What Monograph does
-------------------
Unrolls it, because Python runs it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class StaticForLoop(nn.Module):
    def forward(self, x):
        ret = []
        for i in range(10):
            ret.append(i + x)
        return ret


def model():
    return StaticForLoop()


def inputs():
    return call(torch.randn(3, 2))


EXPECT = Expect(
    operators=("add", "add", "add", "add", "add", "add", "add", "add", "add", "add"),
    inputs=("USER_INPUT",),
    outputs=(
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
        "USER_OUTPUT",
    ),
    assumptions=(),
)
