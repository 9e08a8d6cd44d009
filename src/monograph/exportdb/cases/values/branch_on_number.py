"""A branch on a number out of a tensor.

What it shows
-------------
An ``if`` compares a number that is only known when the program runs.

Why it is hard
--------------
A graph has one way to go.

What Monograph does
-------------------
Refuses it (MG-D105). The error names the comparison, where the number comes from, and the
``torch._check`` lines with which the program was found to export.

Use instead
-----------
Assert what is known of the number, or compute both sides and choose.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.dynamic-value", "python.control-flow"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class Undecided(nn.Module):
    def forward(self, x, y):
        number = x.item()
        if number > 3:  # refused: MG-D105
            return y.sin()
        return y.cos()


def model():
    return Undecided()


def inputs():
    return call(torch.tensor(4), torch.randn(5))


def more_inputs():
    return [call(torch.tensor(9), torch.randn(5))]


EXPECT = Expect(code="MG-D105")


class Checked(nn.Module):
    def forward(self, x, y):
        number = x.item()
        torch._check(number > 3)
        if number > 3:
            return y.sin()
        return y.cos()


def rewrite_check():
    return Checked()


class Chosen(nn.Module):
    def forward(self, x, y):
        return torch.where(x > 3, y.sin(), y.cos())


def rewrite_where():
    return Chosen()
