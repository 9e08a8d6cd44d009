"""A tensor made inside forward.

What it shows
-------------
`torch.tensor([1.0, 2.0])` in every call.

Why it is hard
--------------
The literal is neither a parameter nor an input.

What Monograph does
-------------------
A constant of the program, of which each call gets its own copy.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.operator",))


class Literal(nn.Module):
    def forward(self, x):
        scale = torch.tensor([1.0, 2.0])
        scale += 1
        return x * scale


def model():
    return Literal()


def inputs():
    return call(torch.randn(2))


def more_inputs():
    return [call(torch.ones(2)), call(torch.ones(2))]
