"""A parameter that is replaced.

What it shows
-------------
`self.weight = nn.Parameter(...)` inside forward.

Why it is hard
--------------
The caller's parameter is another object afterwards; an optimiser that holds the old one trains
what nobody uses any more. A program has its parameters as inputs, which it can write but not
exchange.

What Monograph does
-------------------
Refuses it, with the name of the parameter.

Use instead
-----------
Compute with the new weight under another name: `weight = self.weight * scale`. To change the
parameter itself, write its content under `torch.no_grad()`: `self.weight.copy_(new)`.

See also
--------
parameter_under_no_grad, buffer_rebound
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.mutation", "torch.module"), support=Support.UNSUPPORTED)


class Replaced(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        self.weight = nn.Parameter(self.weight.detach().clamp(max=0.5))  # refused: MG-M106
        return x * self.weight


def model():
    return Replaced()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]


class Computed(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x * self.weight.clamp(max=0.5)


def rewrite_computed():
    return Computed()


EXPECT = Expect(code="MG-M106")
