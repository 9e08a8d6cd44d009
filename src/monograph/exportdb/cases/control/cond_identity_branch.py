"""A branch that returns its operand.

What it shows
-------------
`torch.cond(p, lambda x: x, lambda x: x * 2, (x,))`.

Why it is hard
--------------
The result is the operand itself on one side, and a new tensor on the other.

What Monograph does
-------------------
Returns a copy where the operand would be returned.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond", "torch.aliasing"))


class Identity(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x, lambda x: x * 2, (x,)) + 1


def model():
    return Identity()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]
