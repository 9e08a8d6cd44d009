"""A dictionary looked up by a size.

What it shows
-------------
`table.get(x.shape[1], 1.0)` with a Python dictionary.

Why it is hard
--------------
Python finds a key by its hash, which is that of one number.

What Monograph does
-------------------
Asks of each key whether the size is that one. The size of the example is a key here, which narrows
the program to it: a declaration of more is refused, one left to `Dim.AUTO` is fixed and listed. If
the size of the example is no key, the program holds for all sizes that are none.

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
