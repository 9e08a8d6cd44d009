"""A tensor made from a size.

What it shows
-------------
A factory is called with an expression of an input size.

Why it is hard
--------------
The size must not be mistaken for a number that the user wrote.

What Monograph does
-------------------
Records the factory with the size that the example has; inputs of another size are refused.
"""

import torch
from torch import nn

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
