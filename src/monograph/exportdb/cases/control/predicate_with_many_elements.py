"""A predicate with many elements.

What it shows
-------------
`torch.cond(x > 0, ...)` on a whole tensor: one truth for each element.

Why it is hard
--------------
A branch goes one way or the other, for the whole program. A choice in each element is no branch:
both sides are computed everywhere.

What Monograph does
-------------------
Refuses it, with the shape of the predicate.

Use instead
-----------
`torch.where(x > 0, a, b)` for a choice in each element; `.any()` or `.all()` where the whole
program is to go one way. A tensor of one element is a predicate as it is.

See also
--------
condition_with_many_elements, cond_predicate
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
