"""A call with another structure.

What it shows
-------------
The program was captured with two positional arguments, and is called with one.

Why it is hard
--------------
The number of inputs is part of the signature.

What Monograph does
-------------------
Refuses the call, and shows what was expected.

Use instead
-----------
Call the program as it was captured.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.data-structure",))


class TwoArguments(nn.Module):
    def forward(self, x, y):
        return x + y


def model():
    return TwoArguments()


def inputs():
    return call(torch.randn(3), torch.randn(3))


def more_inputs():
    return [call(torch.ones(3), torch.ones(3))]


def bad_inputs():
    return [call(torch.randn(3))]


EXPECT = Expect(code="MG-I101")
