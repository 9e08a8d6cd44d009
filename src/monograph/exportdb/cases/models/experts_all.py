"""A loop over all experts.

What it shows
-------------
Every expert runs on the rows that are routed to it, which may be none.

Why it is hard
--------------
The number of rows of each expert is only known when the program runs.

What Monograph does
-------------------
A symbol for each number; empty selections are fine.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.experts", "torch.dynamic-value"))


class AllExperts(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x, index):
        out = torch.zeros_like(x)
        for k, expert in enumerate(self.experts):
            rows = (index == k).nonzero().squeeze(-1)
            out.index_add_(0, rows, expert(x[rows]))
        return out


def model():
    return AllExperts()


def inputs():
    return call(torch.randn(5, 4), torch.tensor([0, 2, 0, 2, 2]))


def more_inputs():
    return [call(torch.randn(5, 4), torch.tensor([1, 1, 1, 1, 1]))]
