"""A string that names an operation.

What it shows
-------------
`getattr(torch, mode)(x)` with a string argument.

Why it is hard
--------------
A string cannot be a tensor.

What Monograph does
-------------------
Part of the program: a call with another string is refused.

Use instead
-----------
Two programs, one for each operation.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.builtin", "python.control-flow"))


class StringArgument(nn.Module):
    def forward(self, x, mode: str):
        return getattr(torch, mode)(x)


def model():
    return StringArgument()


def inputs():
    return call(torch.randn(3), "sin")


def more_inputs():
    return [call(torch.ones(3), "sin")]


def bad_inputs():
    return [call(torch.ones(3), "cos")]


EXPECT = Expect(code="MG-I103")
