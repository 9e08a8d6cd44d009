"""A tensor that is resized in place.

What it shows
-------------
`y.resize_(5, 5)` of a tensor with fewer elements; the new ones are whatever the memory holds.

Why it is hard
--------------
It changes the tensor object itself, for everybody who has it, and there is no functional form;
what the new elements are, not even eager mode says.

What Monograph does
-------------------
Refuses it, with the line.

Use instead
-----------
`torch.empty`, where the content does not matter; `F.pad`, where it is to be zeros; a slice or
`view`, to make it smaller.

See also
--------
out_argument, growing_buffer
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
