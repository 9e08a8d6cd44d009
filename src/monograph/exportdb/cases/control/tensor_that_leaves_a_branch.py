"""A tensor that leaves a branch by a back door.

What it shows
-------------
A branch stores a tensor on an object, and the program uses it afterwards.

Why it is hard
--------------
Whether the tensor was computed depends on the way that was taken; the graph has it inside one
branch only.

What Monograph does
-------------------
Refuses the use, with its line.

Use instead
-----------
Return the tensor from both branches: the one that does not compute it returns what was there
before, or zeros.

See also
--------
cond_branch_nested_function, append_to_attribute
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond", "python.side-effect"), support=Support.UNSUPPORTED)


class Keeper:
    kept = None


class LeavesBranch(nn.Module):
    def forward(self, x):
        def double(x):
            Keeper.kept = x * 2
            return Keeper.kept + 1

        y = torch.cond(x.sum() > 0, double, lambda x: x + 1, (x,))
        return y + Keeper.kept  # refused: MG-C109


def model():
    return LeavesBranch()


def inputs():
    return call(torch.ones(3))


class ReturnsBoth(nn.Module):
    def forward(self, x):
        kept, y = torch.cond(
            x.sum() > 0, lambda x: (x * 2, x * 2 + 1), lambda x: (x + 0, x + 1), (x,)
        )
        return y + kept


def rewrite_returned():
    return ReturnsBoth()


EXPECT = Expect(code="MG-C109")
