"""Sizes of variable keyword arguments.

What it shows
-------------
`forward(self, **kwargs)` with a specification by the caller's names.

Why it is hard
--------------
The names are not in the signature.

What Monograph does
-------------------
The names of the call are the names of the specification.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class VariableKeywords(nn.Module):
    def forward(self, **kwargs):
        return kwargs["a"] * 2 + kwargs["b"].sum()


def model():
    return VariableKeywords()


def inputs():
    return call(a=torch.randn(3), b=torch.randn(4))


def dynamic_shapes():
    return {"a": {0: Dim("n")}, "b": None}


def more_sizes():
    return [call(a=torch.randn(n), b=torch.randn(4)) for n in (0, 1, 7)]
