"""A closure that rebinds a variable of its function.

What it shows
-------------
An inner function uses `nonlocal` and closes over a tensor.

Why it is hard
--------------
Cells are shared state between frames.

What Monograph does
-------------------
Runs the program, so that cells are cells.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.closure",))


class NestedFunction(nn.Module):
    def forward(self, a, b):
        x = a + b
        z = a - b

        def closure(y):
            nonlocal x
            x += 1
            return x * y + z

        return closure(x)


def model():
    return NestedFunction()


def inputs():
    return call(torch.randn(3, 2), torch.randn(2))


EXPECT = Expect(
    operators=("add", "sub", "add", "mul", "add"),
    inputs=("USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
