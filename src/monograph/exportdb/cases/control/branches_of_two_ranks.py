"""Branches with different numbers of dimensions.

What it shows
-------------
One branch sums to a number, the other keeps a row.

Why it is hard
--------------
What comes after the branch is captured once: each operator there must know how many dimensions it
gets.

What Monograph does
-------------------
Refuses it, and shows both results. Sizes may differ: the result then has a size that only the run
tells.

Use instead
-----------
Give both the same number of dimensions: `x.sum().expand(x.shape)`, or `keepdim=True` on one side
and a slice on the other.

See also
--------
cond_of_two_sizes, branches_of_two_structures
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond", "torch.dynamic-shape"), support=Support.UNSUPPORTED)


class TwoRanks(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda: x.sum(), lambda: x.sum(0))  # refused: MG-C104


def model():
    return TwoRanks()


def inputs():
    return call(torch.ones(3, 1))


class OneRank(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda: x.sum(), lambda: x.sum() * 1)


def rewrite_keepdim():
    return OneRank()


EXPECT = Expect(code="MG-C104")
