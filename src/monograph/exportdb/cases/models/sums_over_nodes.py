"""Sums over the nodes of a graph.

What it shows
-------------
`index_add` with as many rows as `index.max() + 1`.

Why it is hard
--------------
The number of nodes is a number in a tensor.

What Monograph does
-------------------
A symbol for it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.graph", "torch.dynamic-value"))


class OverNodes(nn.Module):
    def forward(self, x, index):
        count = index.max().item() + 1
        return torch.zeros(count, x.shape[1]).index_add(0, index, x)


def model():
    return OverNodes()


def inputs():
    return call(torch.randn(5, 2), torch.tensor([0, 1, 1, 3, 0]))


def more_inputs():
    return [
        call(torch.randn(5, 2), torch.tensor([0, 0, 0, 0, 0])),
        call(torch.randn(5, 2), torch.tensor([8, 0, 0, 0, 0])),
    ]
