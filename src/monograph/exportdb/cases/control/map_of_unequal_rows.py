"""A map whose results differ in size.

What it shows
-------------
Each row gives as many values as are positive.

Why it is hard
--------------
Results of one size are stacked; these cannot be.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Keep the size, and mask.
"""

import torch
from functorch.experimental.control_flow import map as map_rows
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.map",), support=Support.UNSUPPORTED)


class UnequalRows(nn.Module):
    def forward(self, x):
        return map_rows(lambda row: row[row > 0], x)  # refused: MG-C111


def model():
    return UnequalRows()


def inputs():
    return call(torch.ones(2, 3))


class EqualRows(nn.Module):
    def forward(self, x):
        return map_rows(lambda row: torch.where(row > 0, row, 0.0), x)


def rewrite_mask():
    return EqualRows()


EXPECT = Expect(code="MG-C111")
