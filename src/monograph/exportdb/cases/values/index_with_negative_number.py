"""A number out of a tensor as an index.

What it shows
-------------
`x[i.item()]`, where the number may be negative.

Why it is hard
--------------
Whether the index is in range, and counts from the end, depends on its value.

What Monograph does
-------------------
Captures it: negative numbers count from the end, one out of range is an error of the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value",))


class IndexByNumber(nn.Module):
    def forward(self, x, i):
        return x[i.item()] * 2


def model():
    return IndexByNumber()


def inputs():
    return call(torch.randn(5, 2), torch.tensor(1))


def more_inputs():
    return [call(torch.randn(5, 2), torch.tensor(-1)), call(torch.randn(5, 2), torch.tensor(4))]


def bad_inputs():
    return [call(torch.randn(5, 2), torch.tensor(5))]
