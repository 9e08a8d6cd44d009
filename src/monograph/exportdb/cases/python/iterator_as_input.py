"""An iterator as an input.

What it shows
-------------
An iterator is passed as an argument, and its first item used.

Why it is hard
--------------
It is used up by the capture, and cannot be taken apart.

What Monograph does
-------------------
Refuses it, naming the argument.

Use instead
-----------
A list.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.data-structure",), support=Support.UNSUPPORTED)


class TakesIterator(nn.Module):
    def forward(self, rows):
        return next(rows) + 1


def model():
    return TakesIterator()


def inputs():
    return call(iter([torch.randn(3), torch.randn(3)]))


EXPECT = Expect(code="MG-P101")
