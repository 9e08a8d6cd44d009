"""A dimension that is one, or as large as the other.

What it shows
-------------
A mask whose batch may be 1 or that of the input.

Why it is hard
--------------
Broadcasting is a question about a size: is it 1?

What Monograph does
-------------------
Both are captured by one program, if the size is declared with a name of its own; sizes that do not
broadcast are refused at the call.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class Broadcast(nn.Module):
    def forward(self, x, mask):
        return x * mask


def model():
    return Broadcast()


def inputs():
    return call(torch.randn(4, 3), torch.randn(1, 3))


def more_inputs():
    return [call(torch.randn(4, 3), torch.randn(1, 3))]


def dynamic_shapes():
    return {"x": {0: Dim("batch")}, "mask": None}


def more_sizes():
    return [call(torch.randn(n, 3), torch.randn(1, 3)) for n in (0, 1, 6)]
