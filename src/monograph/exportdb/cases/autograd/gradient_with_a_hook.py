"""Hooks on tensors.

What it shows
-------------
`y.register_hook(...)` changes the gradient of a value inside the program.

Why it is hard
--------------
The hook runs while gradients are computed, which is not part of the graph: the exported program
would compute the same results, and other gradients.

What Monograph does
-------------------
Refuses it. Dropping the hook would show up in training only, as a model that learns something
else.

Use instead
-----------
A `torch.autograd.Function` whose backward does what the hook did, or arithmetic with the same
gradient: `x.detach() + (x - x.detach()) * scale`.

See also
--------
straight_through, autograd_function
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
