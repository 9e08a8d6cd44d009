"""Iterating over the rows of a tensor.

What it shows
-------------
`torch.stack([f(row) for row in x])` where the number of rows varies.

Why it is hard
--------------
Iterating unrolls.

What Monograph does
-------------------
Maps over the rows, where their number was declared to vary.

Use instead
-----------
`map`, or one operation over the batch.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.dynamic-shape", "torch.map", "python.control-flow"),
    support=Support.SUPPORTED,
)


class OverRows(nn.Module):
    def forward(self, x):
        return torch.stack([row / row.norm() for row in x])


def model():
    return OverRows()


def inputs():
    return call(torch.randn(3, 4))


def dynamic_shapes():
    return {"x": {0: Dim("rows", min=1)}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (1, 2, 8)]


class Batch(nn.Module):
    def forward(self, x):
        return x / x.norm(dim=1, keepdim=True)


def rewrite_batch():
    return Batch()


EXPECT = Expect()
