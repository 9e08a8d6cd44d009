"""A branch on a number that was checked.

What it shows
-------------
`torch._check` says what is known of a number, so a later `if` on it has one answer.

Why it is hard
--------------
Without the check nobody can say which way the program goes.

What Monograph does
-------------------
The check is a fact: the branch is decided, and the fact asserted at run time.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.escape-hatch"))


class RangeCheck(nn.Module):
    def forward(self, x, n):
        k = n.item()
        torch._check(k >= 2)
        torch._check(k <= 8)
        if k > 1:
            return x.repeat(k)
        return x


def model():
    return RangeCheck()


def inputs():
    return call(torch.randn(3), torch.tensor(2))


def more_inputs():
    return [call(torch.randn(3), torch.tensor(8))]


def bad_inputs():
    return [call(torch.randn(3), torch.tensor(1)), call(torch.randn(3), torch.tensor(9))]
