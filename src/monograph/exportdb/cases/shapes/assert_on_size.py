"""A Python assertion about a size.

What it shows
-------------
Assertions, with and without a message, compare a size with a number.

Why it is hard
--------------
An assertion is a branch of the program.

What Monograph does
-------------------
Evaluates it once: with fixed sizes it holds for every call that the program accepts.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.assert", "torch.dynamic-shape"))


class DynamicShapeAssert(nn.Module):
    def forward(self, x):
        assert x.shape[0] > 2, f"{x.shape[0]} is greater than 2"
        assert x.shape[0] > 1
        return x


def model():
    return DynamicShapeAssert()


def inputs():
    return call(torch.randn(3, 2))


def bad_inputs():
    return [call(torch.randn(1, 2))]


EXPECT = Expect(
    operators=(),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
