"""Hooks on tensors.

What it shows
-------------
`x.register_hook(...)` changes a gradient.

Why it is hard
--------------
The hook runs in backward, which is not part of the graph.

What Monograph does
-------------------
Refuses it: the gradients would silently be others.

Use instead
-----------
A `torch.autograd.Function` with the same backward.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.autograd", "python.side-effect"), support=Support.UNSUPPORTED)


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        y = x * self.weight
        y.register_hook(lambda g: g * 0.5)  # refused: MG-P107
        return y


def model():
    return Hooked()


def inputs():
    return call(torch.randn(3))


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return g * 0.5


class WithFunction(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return Halved.apply(x * self.weight)


def rewrite_function():
    return WithFunction()


EXPECT = Expect(code="MG-P107")
