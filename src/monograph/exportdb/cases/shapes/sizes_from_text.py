"""Sizes declared as text.

What it shows
-------------
`"batch, 2*half, _"` for the sizes of an input.

Why it is hard
--------------
Dictionaries of dimensions are long to write.

What Monograph does
-------------------
Reads names, multiples, sums and `_` for what is static.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class Declared(nn.Module):
    def forward(self, x):
        return x.unflatten(1, (-1, 2)).sum(-1)


def model():
    return Declared()


def inputs():
    return call(torch.randn(2, 4))


def dynamic_shapes():
    return {"x": "batch, 2*half"}


def more_sizes():
    return [call(torch.randn(b, n)) for b, n in ((1, 2), (3, 8))]


def bad_sizes():
    return [call(torch.randn(2, 5))]
