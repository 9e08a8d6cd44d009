"""A function of the math module on a tensor.

What it shows
-------------
`math.sqrt(x.sum())`.

Why it is hard
--------------
The function takes a Python float, so Python asks for the number.

What Monograph does
-------------------
Refuses it, and offers the tensor's own method as a patch.

Use instead
-----------
`x.sum().sqrt()`: the number stays a tensor.
"""

import math

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.builtin", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class MathFunction(nn.Module):
    def forward(self, x):
        return x / math.sqrt(x.square().sum())  # refused: MG-D102


def model():
    return MathFunction()


def inputs():
    return call(torch.ones(4))


def more_inputs():
    return [call(torch.full((4,), 3.0))]


class Tensor(nn.Module):
    def forward(self, x):
        return x / x.square().sum().sqrt()


def rewrite_tensor():
    return Tensor()


EXPECT = Expect(code="MG-D102")
