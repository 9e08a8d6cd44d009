"""An argument with a tensor as its default.

What it shows
-------------
The default of an argument is a tensor, and the call leaves it out.

Why it is hard
--------------
A tensor enters the program that the caller never passed.

What Monograph does
-------------------
Lifts the default as a constant of the program.

Limits
------
A program exported without the argument is called without it; export again with it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model",))


DEFAULT = torch.randn(2, 3)


class OptionalInput(nn.Module):
    def forward(self, x, y=DEFAULT):
        if y is not None:
            return x + y
        return x


def model():
    return OptionalInput()


def inputs():
    return call(torch.randn(2, 3))


def bad_inputs():
    return [call(torch.randn(2, 3), torch.randn(2, 3))]


EXPECT = Expect(
    operators=("add",),
    inputs=("CONSTANT_TENSOR", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
