"""A number out of a tensor, multiplied.

What it shows
-------------
`.item()` gives a factor for a tensor.

Why it is hard
--------------
The factor is only known when the program runs; frozen, it would be that of the example.

What Monograph does
-------------------
A symbol for a float, computed by a node.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value",))


class ItemAsScale(nn.Module):
    def forward(self, x):
        return x * x.abs().max().item()


def model():
    return ItemAsScale()


def inputs():
    return call(torch.randn(4))


def more_inputs():
    return [call(torch.zeros(4)), call(torch.full((4,), -3.0))]
