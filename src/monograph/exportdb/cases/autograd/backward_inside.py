"""A backward call inside the program.

What it shows
-------------
`loss.backward()` accumulates into `.grad` of parameters.

Why it is hard
--------------
The gradients are written outside of the program.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
`torch.autograd.grad(loss, parameters)`, which returns the gradients.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.autograd", "python.side-effect"), support=Support.UNSUPPORTED)


class Backward(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        loss = (x * self.weight).square().sum()
        loss.backward()  # refused: MG-P106
        return loss.detach()


def model():
    return Backward()


def inputs():
    return call(torch.randn(3))


class Grad(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return (x * self.weight).square().sum().detach()


def rewrite_grad():
    return Grad()


EXPECT = Expect(code="MG-P106")
