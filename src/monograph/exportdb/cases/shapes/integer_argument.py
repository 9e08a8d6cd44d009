"""An integer argument that varies.

What it shows
-------------
`k` is a Python int that is declared to vary.

Why it is hard
--------------
Python integers are usually part of the program.

What Monograph does
-------------------
It becomes an input: slicing and multiplying with it are right for each value.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class IntegerArgument(nn.Module):
    def forward(self, x, k: int):
        return x[:k] * k


def model():
    return IntegerArgument()


def inputs():
    return call(torch.randn(8), 3)


def more_inputs():
    return [call(torch.randn(8), 3)]


def dynamic_shapes():
    return {"x": None, "k": Dim("k", max=8)}


def more_sizes():
    return [call(torch.randn(8), k) for k in (0, 1, 5, 8)]
