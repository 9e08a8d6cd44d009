"""Operands that are no tuple.

What it shows
-------------
`torch.cond(p, f, g, x)` with a tensor in place of `(x,)`.

Why it is hard
--------------
A tensor can be iterated: taken for a sequence, each of its rows would be an operand of its own,
and the number of rows part of the program.

What Monograph does
-------------------
Refuses it, and says what to write.

Use instead
-----------
`torch.cond(p, f, g, (x,))`. Or without operands: functions may use what is around them,
`torch.cond(p, lambda: f(x), lambda: g(x))`.

See also
--------
cond_operands, cond_closed_over_variable
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
