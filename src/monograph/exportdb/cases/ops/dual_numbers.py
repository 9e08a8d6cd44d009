"""Forward-mode derivatives with dual numbers.

What it shows
-------------
`torch.func.linearize` of a function.

Why it is hard
--------------
Dual tensors are of another kind.

What Monograph does
-------------------
Refuses it; `jvp`, `jacfwd` and their relatives are captured.

Use instead
-----------
`torch.func.jvp`, or reverse mode.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.autograd", "torch.subclass"), support=Support.UNSUPPORTED)


class Linearised(nn.Module):
    def forward(self, x):
        return torch.func.linearize(torch.sin, x)[1](x)  # refused: MG-P107


def model():
    return Linearised()


def inputs():
    return call(torch.randn(3))


class Jvp(nn.Module):
    def forward(self, x):
        return torch.func.jvp(torch.sin, (x,), (x,))[1]


def rewrite_jvp():
    return Jvp()


EXPECT = Expect(code="MG-P107", strict_code="MG-P108")
