"""A float argument.

What it shows
-------------
A temperature as a Python float.

Why it is hard
--------------
The number has become part of the program.

What Monograph does
-------------------
Refuses a call with another value.

Use instead
-----------
Pass a tensor: `torch.tensor(0.7)`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-value",))


class Temperature(nn.Module):
    def forward(self, x, t: float):
        return (x / t).softmax(-1)


def model():
    return Temperature()


def inputs():
    return call(torch.randn(4), 0.7)


def more_inputs():
    return [call(torch.ones(4), 0.7)]


def bad_inputs():
    return [call(torch.randn(4), 1.0)]


EXPECT = Expect(code="MG-I103")
