"""A while loop until the values are small.

What it shows
-------------
The number of iterations depends on the data.

Why it is hard
--------------
A graph has no backward jumps; the loop must be an operator with a body.

What Monograph does
-------------------
Refuses it in the default mode. Strict mode turns it into a `while_loop` with the variables that it
changes.

Use instead
-----------
Write `while_loop` yourself, or run a fixed number of steps and stop changing the value with
`torch.where`.
"""

import torch
from torch import nn
from torch._higher_order_ops import while_loop

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value", "torch.loop"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class WhileOnValues(nn.Module):
    def forward(self, x):
        while x.abs().max() > 1:  # refused: MG-D101
            x = x * 0.5
        return x


def model():
    return WhileOnValues()


def inputs():
    return call(torch.full((3,), 5.0))


def more_inputs():
    return [call(torch.zeros(3)), call(torch.full((3,), 1000.0))]


class WithOperator(nn.Module):
    def forward(self, x):
        (x,) = while_loop(lambda x: x.abs().max() > 1, lambda x: (x * 0.5,), (x,))
        return x


def rewrite_while_loop():
    return WithOperator()


EXPECT = Expect(code="MG-D101")
