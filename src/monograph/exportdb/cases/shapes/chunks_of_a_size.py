"""A split into equal chunks.

What it shows
-------------
`x.chunk(3, dim=-1)` of a projection, and a size that varies elsewhere.

Why it is hard
--------------
The number of chunks depends on the size where it is not a multiple.

What Monograph does
-------------------
The split dimension is static, the others are free.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "torch.attention"))


class Chunks(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return (q @ k.transpose(-1, -2)).softmax(-1) @ v


def model():
    return Chunks()


def inputs():
    return call(torch.randn(2, 5, 8))


def dynamic_shapes():
    return {"x": {0: Dim("batch"), 1: Dim("tokens", min=1)}}


def more_sizes():
    return [call(torch.randn(b, n, 8)) for b, n in ((1, 1), (3, 7))]
