"""Relative positions in buckets.

What it shows
-------------
The logarithmic buckets of T5, computed from two lengths.

Why it is hard
--------------
`math.log` of constants, `torch.log` of tensors, and a table that is indexed by the result.

What Monograph does
-------------------
Captures it for all lengths.
"""

import math

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.sequence", "torch.attention", "torch.dynamic-shape"))


class Buckets(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Embedding(8, 2)

    def forward(self, x):
        n = x.shape[1]
        distance = (torch.arange(n)[:, None] - torch.arange(n)[None]).abs()
        far = 4 + (torch.log(distance.float().clamp(min=1) / 4) / math.log(4) * 4).long()
        bucket = torch.where(distance < 4, distance, far.clamp(max=7))
        return x @ x.transpose(1, 2) + self.bias(bucket).sum(-1)


def model():
    return Buckets()


def inputs():
    return call(torch.randn(1, 6, 3))


def dynamic_shapes():
    return {"x": {1: Dim("n", min=1)}}


def more_sizes():
    return [call(torch.randn(1, n, 3)) for n in (1, 2, 20)]
