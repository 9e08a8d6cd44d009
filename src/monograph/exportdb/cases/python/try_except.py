"""Raising and catching an exception.

What it shows
-------------
An exception is raised inside `try` and caught.

Why it is hard
--------------
Control leaves the block in its middle.

What Monograph does
-------------------
Runs it: the operators before the raise and those of the handler are recorded.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class TryExcept(nn.Module):
    def forward(self, x):
        try:
            x = x + 1
            raise RuntimeError("bad")
        except RuntimeError:
            x = x + 2
        return x


def model():
    return TryExcept()


def inputs():
    return call(torch.randn(3, 3))


EXPECT = Expect(
    operators=("add", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
