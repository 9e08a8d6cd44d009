"""Tensors sorted by Python.

What it shows
-------------
`sorted(rows, key=...)` orders a list of tensors by their sums.

Why it is hard
--------------
Each comparison is a question about data.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
`torch.argsort` of the keys, and indexing.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.builtin", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class SortedByPython(nn.Module):
    def forward(self, x):
        rows = sorted(x.unbind(0), key=lambda row: row.sum())  # refused: MG-D101
        return rows[0] - rows[-1]


def model():
    return SortedByPython()


def inputs():
    return call(torch.randn(4, 3))


def more_inputs():
    return [call(torch.randn(4, 3))]


class Argsort(nn.Module):
    def forward(self, x):
        order = x.sum(1).argsort()
        return x[order[0]] - x[order[-1]]


def rewrite_argsort():
    return Argsort()


EXPECT = Expect(code="MG-D101")
