"""A predicate with many elements.

What it shows
-------------
`torch.cond(x > 0, ...)` on a whole tensor.

Why it is hard
--------------
A branch goes one way or the other.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
`torch.where` for a choice in each element; `.any()` or `.all()` for one choice.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond",), support=Support.UNSUPPORTED)


class ManyElements(nn.Module):
    def forward(self, x):
        return torch.cond(x > 0, torch.sin, torch.cos, (x,))  # refused: MG-C101


def model():
    return ManyElements()


def inputs():
    return call(torch.ones(3))


class OneChoice(nn.Module):
    def forward(self, x):
        return torch.cond((x > 0).any(), torch.sin, torch.cos, (x,))


def rewrite_any():
    return OneChoice()


EXPECT = Expect(code="MG-C101")
