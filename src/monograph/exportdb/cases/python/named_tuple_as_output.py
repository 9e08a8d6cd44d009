"""A named tuple as the result.

What it shows
-------------
The program returns a `NamedTuple`.

Why it is hard
--------------
The class must come back, not a plain tuple.

What Monograph does
-------------------
The call returns the named tuple.
"""

from typing import NamedTuple

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


class Split(NamedTuple):
    head: torch.Tensor
    tail: torch.Tensor


class NamedTupleOutput(nn.Module):
    def forward(self, x):
        return Split(x[:1], x[1:])


def model():
    return NamedTupleOutput()


def inputs():
    return call(torch.randn(4))


def more_inputs():
    return [call(torch.zeros(4))]
