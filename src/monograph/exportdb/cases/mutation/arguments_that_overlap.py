"""Arguments that share memory, one of which is written.

What it shows
-------------
Two views of one tensor are passed, and one is written.

Why it is hard
--------------
A write to one must show in the other, in a way that depends on the caller's memory.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Pass a copy (`.clone()`), or the whole tensor and take the views inside.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.aliasing", "torch.mutation"), support=Support.UNSUPPORTED)


class Overlap(nn.Module):
    def forward(self, a, b):
        a.add_(1)  # refused: MG-M102
        return a.sum() + b


def model():
    return Overlap()


def inputs():
    return (lambda x: call(x, x[0]))(torch.ones(3, 3))


class Inside(nn.Module):
    def forward(self, a, b):
        a = a + 1
        return a.sum() + a[0]


def rewrite_inside():
    return Inside()


EXPECT = Expect(code="MG-M102")
