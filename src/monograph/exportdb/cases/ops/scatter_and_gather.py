"""scatter, gather and index_add.

What it shows
-------------
Sums by group, and the sums handed back to the members.

Why it is hard
--------------
Writes at places that are data.

What Monograph does
-------------------
Functional operators of the same names.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.operator", "model.graph"))


class Groups(nn.Module):
    def forward(self, x, group):
        sums = torch.zeros(4, x.shape[1]).index_add_(0, group, x)
        return (
            sums[group] / torch.ones(4).scatter_add(0, group, torch.ones(len(group)))[group, None]
        )


def model():
    return Groups()


def inputs():
    return call(torch.randn(5, 2), torch.tensor([0, 1, 1, 3, 0]))


def more_inputs():
    return [call(torch.randn(5, 2), torch.tensor([2, 2, 2, 2, 2]))]
