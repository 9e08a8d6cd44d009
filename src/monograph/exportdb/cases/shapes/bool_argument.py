"""A flag as an argument.

What it shows
-------------
`norm: bool` chooses a branch.

Why it is hard
--------------
Only the branch of the example is in the program.

What Monograph does
-------------------
Refuses a call with the other value.

Use instead
-----------
Two programs (`export_methods`), or `torch.cond` with a tensor.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class Flag(nn.Module):
    def forward(self, x, norm: bool):
        return x / x.norm() if norm else x


def model():
    return Flag()


def inputs():
    return call(torch.randn(4), True)


def more_inputs():
    return [call(torch.ones(4), True)]


def bad_inputs():
    return [call(torch.randn(4), False)]


EXPECT = Expect(code="MG-I103")
