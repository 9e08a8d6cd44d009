"""A result that is an argument.

What it shows
-------------
The program writes to its argument and returns it.

Why it is hard
--------------
Eager mode returns the very tensor of the caller.

What Monograph does
-------------------
So does the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.aliasing", "torch.mutation"))


class SameTensor(nn.Module):
    def forward(self, x):
        return x.mul_(2), x.view(-1)


def model():
    return SameTensor()


def inputs():
    return call(torch.randn(2, 2))


def more_inputs():
    return [call(torch.ones(2, 2))]
