"""Modules looked up by computed names.

What it shows
-------------
`getattr(self, f"layer{i}")`.

Why it is hard
--------------
The names are made while the program runs.

What Monograph does
-------------------
Runs it as Python does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module", "python.builtin"))


class ByName(nn.Module):
    def __init__(self):
        super().__init__()
        for i in range(3):
            setattr(self, f"layer{i}", nn.Linear(3, 3))

    def forward(self, x):
        for i in range(3):
            x = getattr(self, f"layer{i}")(x).relu()
        return x


def model():
    return ByName()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
