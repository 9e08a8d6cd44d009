"""A backward call inside the program.

What it shows
-------------
`loss.backward()` in forward accumulates into `.grad` of the parameters.

Why it is hard
--------------
The gradients are written outside of the program, into attributes that no result carries; an
exporter that passes over the call gives a program that trains nothing.

What Monograph does
-------------------
Refuses it. The gradients of a program are computed by whoever calls it: `program.module()` is
differentiable as the model is.

Use instead
-----------
Return the loss, and call `.backward()` on what the program returns. Where the gradients are
results themselves (forces, penalties), `torch.autograd.grad(loss, parameters)` is captured with
its operators.

See also
--------
forces_from_energy, gradient_penalty
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
        return loss


def model():
    return Backward()


def inputs():
    return call(torch.randn(3))


class ReturnsLoss(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return (x * self.weight).square().sum()  # the caller: program(x).backward()


def rewrite_loss():
    return ReturnsLoss()


EXPECT = Expect(code="MG-P106")
