"""Branches that return different structures.

What it shows
-------------
One branch returns a tuple, the other a list.

Why it is hard
--------------
What comes after the branch takes its result apart, and is captured once.

What Monograph does
-------------------
Refuses it, and shows both structures.

Use instead
-----------
The same structure from both sides: the same containers, keys in the same order, as many tensors.
A tensor that one side does not have is zeros there.

See also
--------
none_from_one_branch, branches_of_two_ranks
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond", "python.data-structure"), support=Support.UNSUPPORTED)


class TwoStructures(nn.Module):
    def forward(self, x):
        a, b = torch.cond(x.sum() > 0, lambda: (x, x + 1), lambda: [x, x - 1])  # refused: MG-C102
        return a + b


def model():
    return TwoStructures()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]


class Tuples(nn.Module):
    def forward(self, x):
        a, b = torch.cond(x.sum() > 0, lambda: (x, x + 1), lambda: (x, x - 1))
        return a + b


def rewrite_tuples():
    return Tuples()


EXPECT = Expect(code="MG-C102")
