"""An optional tensor that is absent later.

What it shows
-------------
The example passes a mask, a later call passes None.

Why it is hard
--------------
The program with the mask has it as an input.

What Monograph does
-------------------
Refuses the call, naming the argument.

Use instead
-----------
Always pass the mask, or export twice.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class Optional(nn.Module):
    def forward(self, x, mask=None):
        return x if mask is None else x * mask


def model():
    return Optional()


def inputs():
    return call(torch.randn(3), torch.ones(3))


def more_inputs():
    return [call(torch.randn(3), torch.zeros(3))]


def bad_inputs():
    return [call(torch.randn(3), None)]


EXPECT = Expect(code="MG-I102")
