"""A dictionary looked up by a size.

What it shows
-------------
`table.get(x.shape[1], 1.0)` with a Python dictionary.

Why it is hard
--------------
Hashing needs the number of the example.

What Monograph does
-------------------
Takes the entry of the example, and so narrows the size to it: a declaration of more is refused, one
left to `Dim.AUTO` is fixed and listed.

Use instead
-----------
One program for each entry, or arithmetic instead of the table.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-shape", "python.data-structure"), support=Support.UNSUPPORTED)


class DictionaryBySize(nn.Module):
    def forward(self, x):
        table = {4: 0.5, 8: 0.25}
        return x * table.get(x.shape[1], 1.0)  # refused: MG-S101


def model():
    return DictionaryBySize()


def inputs():
    return call(torch.randn(2, 4))


def dynamic_shapes():
    return {"x": {1: Dim("width")}}


def dynamic_shapes_instead():
    return None


EXPECT = Expect(code="MG-S101")
