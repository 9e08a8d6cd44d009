"""A tensor made of sizes.

What it shows
-------------
`torch.tensor([x.shape[2], x.shape[3]])`.

Why it is hard
--------------
A literal is usually a constant.

What Monograph does
-------------------
The elements are computed from the sizes of the call.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class TensorFromSizes(nn.Module):
    def forward(self, x):
        return torch.tensor([x.shape[2], x.shape[3]]) * 2


def model():
    return TensorFromSizes()


def inputs():
    return call(torch.randn(1, 1, 4, 6))


def dynamic_shapes():
    return {"x": {2: Dim("h"), 3: Dim("w")}}


def more_sizes():
    return [call(torch.randn(1, 1, h, w)) for h, w in ((0, 1), (7, 3))]
