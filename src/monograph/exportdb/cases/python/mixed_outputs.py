"""Tensors and constants in one result.

What it shows
-------------
A dictionary with a tensor, a number, a string and None.

Why it is hard
--------------
Only tensors are values of a graph.

What Monograph does
-------------------
Constants are part of the result's structure.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


class Mixed(nn.Module):
    def forward(self, x):
        return {"y": x + 1, "rank": x.dim(), "name": "sum", "nothing": None, "flags": (True, 0.5)}


def model():
    return Mixed()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
