"""A tensor that is resized in place.

What it shows
-------------
`y.resize_(5, 5)` of a tensor with fewer elements; the new ones are whatever the memory holds.

Why it is hard
--------------
An operator that changes the tensor itself, for which there is no functional form.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
`torch.empty`, `F.pad`, or a slice.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.mutation", "torch.operator"), support=Support.UNSUPPORTED)


class Resized(nn.Module):
    def forward(self, x):
        y = x.clone()
        y.resize_(5, 5)  # refused: MG-M105
        return y.fill_(1.0)


def model():
    return Resized()


def inputs():
    return call(torch.randn(2, 3))


class New(nn.Module):
    def forward(self, x):
        return x.new_ones(5, 5)


def rewrite_new():
    return New()


EXPECT = Expect(code="MG-M105")
