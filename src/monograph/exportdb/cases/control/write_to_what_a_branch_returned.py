"""A write to what a branch returned.

What it shows
-------------
One branch returns its operand as it is; what the branch returned is then written in place.

Why it is hard
--------------
On one side the write changes the operand too, on the other it does not. Eager mode does just
that; a functional graph would have to know which it was.

What Monograph does
-------------------
Refuses the write, with its line. A result that nobody writes may well be an operand.

Use instead
-----------
Return a copy from the branch, `x.clone()`, where the operand is not to change; or write before
the branch.

See also
--------
cond_identity_branch, written_copy_or_view
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
