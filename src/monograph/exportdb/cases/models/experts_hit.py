"""A loop over the experts that are hit.

What it shows
-------------
`for k in index.unique().tolist(): out.index_add_(0, rows, experts[k](x[rows]))`.

Why it is hard
--------------
Which experts run, and on how many rows, depends on data; so does the list that the loop goes over.

What Monograph does
-------------------
Refuses it in the default mode: Python needs the list. In strict mode the loop runs over the
indices, and the choice of the expert becomes nested `cond` nodes.

Use instead
-----------
Loop over all experts: one that is not hit runs on no rows.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("model.experts", "torch.dynamic-value", "python.control-flow"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])

    def forward(self, x, index):
        out = torch.zeros_like(x)
        for k in index.unique().tolist():  # refused: MG-D103
            rows = (index == k).nonzero().squeeze(-1)
            out.index_add_(0, rows, self.experts[k](x[rows]))
        return out


def model():
    return Experts()


def inputs():
    return call(torch.randn(5, 4), torch.tensor([0, 2, 0, 2, 2]))


def more_inputs():
    return [call(torch.randn(5, 4), torch.tensor([1, 1, 1, 1, 1]))]


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


def rewrite_all():
    return AllExperts()


EXPECT = Expect(code="MG-D103")
