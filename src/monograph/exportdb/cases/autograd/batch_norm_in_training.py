"""Batch norm in training mode.

What it shows
-------------
Running statistics are updated by the call.

Why it is hard
--------------
Buffers are written by an operator that looks like a function.

What Monograph does
-------------------
The new statistics are outputs that are written back.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module", "torch.mutation"))


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(x)


def model():
    return Norm().train()


def inputs():
    return call(torch.randn(4, 3))


def more_inputs():
    return [call(torch.randn(4, 3)), call(torch.ones(4, 3))]
