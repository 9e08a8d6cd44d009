"""A class with operators of its own.

What it shows
-------------
`__add__` and `__matmul__` of a class that holds a tensor.

Why it is hard
--------------
Operators of Python run the user's code.

What Monograph does
-------------------
Runs it as Python does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.object-model",))


class Pose:
    def __init__(self, x):
        self.x = x

    def __add__(self, other):
        return Pose(self.x + other.x)

    def __matmul__(self, y):
        return self.x @ y


class Operators(nn.Module):
    def forward(self, x):
        return (Pose(x) + Pose(x.t())) @ x


def model():
    return Operators()


def inputs():
    return call(torch.randn(3, 3))


def more_inputs():
    return [call(torch.eye(3))]
