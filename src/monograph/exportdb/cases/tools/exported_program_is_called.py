"""An exported program that is called itself.

What it shows
-------------
`ep(x)` instead of `ep.module()(x)`.

Why it is hard
--------------
A program is a graph with a signature; what is called is a module made of it.

What Monograph does
-------------------
Refuses the call, and says what to write.

Use instead
-----------
`ep.module()(x)`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file",))


class Called(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return Called()


def inputs():
    return call(torch.randn(3))


def use(program):
    program(torch.randn(3))


EXPECT = Expect(code="MG-P105")
