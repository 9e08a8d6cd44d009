"""A functools.partial.

What it shows
-------------
A function with some of its arguments bound.

Why it is hard
--------------
The bound tensor belongs to the program.

What Monograph does
-------------------
A constant of the program.
"""

import functools

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.closure",))


def affine(weight, x, bias=0.0):
    return x * weight + bias


class Partial(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = functools.partial(affine, torch.ones(3) * 2, bias=1.0)

    def forward(self, x):
        return self.f(x)


def model():
    return Partial()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
