"""A Python assertion about a size.

What it shows
-------------
Assertions, with and without a message, compare a size with a number.

Why it is hard
--------------
An assertion is a branch of the program.

What Monograph does
-------------------
Evaluates it once where the size is fixed. Where it varies, the assertion becomes a condition of the
program: inputs that violate it are refused before anything runs.
"""

import torch
from torch import nn

from monograph import Dim
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


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n, 2)) for n in (3, 4, 7, 100)]


def bad_sizes():
    return [call(torch.randn(n, 2)) for n in (0, 1, 2)]
