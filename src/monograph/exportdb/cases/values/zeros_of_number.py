"""A tensor as large as a number in a tensor.

What it shows
-------------
`torch.zeros(n.item(), 3)` is filled and returned.

Why it is hard
--------------
The size is only known when the program runs, and may be 0.

What Monograph does
-------------------
A symbol for the size; a negative one is an error of the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.dynamic-shape"))


class ZerosOfNumber(nn.Module):
    def forward(self, n):
        return torch.zeros(n.item(), 3) + torch.arange(n.item())[:, None]


def model():
    return ZerosOfNumber()


def inputs():
    return call(torch.tensor(4))


def more_inputs():
    return [call(torch.tensor(0)), call(torch.tensor(1)), call(torch.tensor(9))]


def bad_inputs():
    return [call(torch.tensor(-2))]
