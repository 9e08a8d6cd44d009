"""Operands that are no tuple.

What it shows
-------------
`torch.cond(p, f, g, x)` with a tensor instead of `(x,)`.

Why it is hard
--------------
A tensor would be taken for a sequence of its rows.

What Monograph does
-------------------
Refuses it, and says what to write.

Use instead
-----------
`torch.cond(p, f, g, (x,))`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond",), support=Support.UNSUPPORTED)


class NoTuple(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, torch.sin, torch.cos, x)  # refused: MG-C106


def model():
    return NoTuple()


def inputs():
    return call(torch.ones(3))


class WithTuple(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))


def rewrite_tuple():
    return WithTuple()


EXPECT = Expect(code="MG-C106")
