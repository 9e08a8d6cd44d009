"""A map whose results differ in size.

What it shows
-------------
`map` over rows, each of which gives as many values as are positive in it.

Why it is hard
--------------
The results of a map are stacked, and rows of unequal length do not stack. How long each is, only
the values tell.

What Monograph does
-------------------
Refuses it, with the size that differs from row to row.

Use instead
-----------
Keep the size and mask: replace what is not wanted by a neutral value with `torch.where`. Or
select from all rows at once, `x[x > 0]`, which is one result of unknown length.

See also
--------
dynamic_shape_map, list_of_unknown_length
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
