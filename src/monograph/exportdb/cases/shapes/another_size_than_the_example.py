"""A call with a size that was not declared.

What it shows
-------------
The program was captured without declared sizes, and is called with a larger batch.

Why it is hard
--------------
Sizes may be part of the program in ways that are not seen.

What Monograph does
-------------------
Refuses the call, naming the argument, the size it has and the size it should have.

Use instead
-----------
Declare the size: `dynamic_shapes={"x": "batch, _"}`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class Static(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return Static()


def inputs():
    return call(torch.randn(3, 4))


def more_inputs():
    return [call(torch.ones(3, 4))]


def bad_inputs():
    return [call(torch.randn(5, 4)), call(torch.randn(3, 4, dtype=torch.float64))]


EXPECT = Expect(code="MG-I102")
