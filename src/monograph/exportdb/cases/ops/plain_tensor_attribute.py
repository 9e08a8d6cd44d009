"""A tensor attribute that is no buffer.

What it shows
-------------
`self.scale = torch.ones(3)`.

Why it is hard
--------------
It is in no state dictionary.

What Monograph does
-------------------
A constant of the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.arange(3.0)

    def forward(self, x):
        return x * self.scale


def model():
    return Plain()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]
