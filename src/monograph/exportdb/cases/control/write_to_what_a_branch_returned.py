"""A write to what a branch returned.

What it shows
-------------
One branch returns its operand; the result is written.

Why it is hard
--------------
The write would show in the operand on one side only.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Return a copy from the branch: `x.clone()`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond", "torch.mutation", "torch.aliasing"), support=Support.UNSUPPORTED)


class WritesResult(nn.Module):
    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda: x, lambda: x * 2)
        y.add_(1)  # refused: MG-C110
        return y


def model():
    return WritesResult()


def inputs():
    return call(-torch.ones(3))


class WritesCopy(nn.Module):
    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda: x.clone(), lambda: x * 2)
        y.add_(1)
        return y


def rewrite_copy():
    return WritesCopy()


EXPECT = Expect(code="MG-C110")
