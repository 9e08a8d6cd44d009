"""A tensor made from a size.

What it shows
-------------
A factory is called with an expression of an input size.

Why it is hard
--------------
The size must not be mistaken for a number that the user wrote.

What Monograph does
-------------------
Records the factory: with the example's number where the size is fixed, with an expression of the
input's size (``sym_size`` and ``mul``) where it varies.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class DynamicShapeConstructor(nn.Module):
    def forward(self, x):
        return torch.zeros(x.shape[0] * 2)


def model():
    return DynamicShapeConstructor()


def inputs():
    return call(torch.randn(3, 2))


def bad_inputs():
    return [call(torch.randn(4, 2))]


EXPECT = Expect(
    operators=("zeros",),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)


def dynamic_shapes():
    return {"x": {0: Dim("n"), 1: Dim("m")}}


def more_sizes():
    return [call(torch.randn(n, m)) for n in (0, 1, 2, 7) for m in (0, 1, 5)]
