"""Padding trimmed to the longest length.

What it shows
-------------
`x[:, :lengths.max().item()]` cuts a batch to what it needs.

Why it is hard
--------------
The size of the result is a number in a tensor.

What Monograph does
-------------------
Makes a symbol for the number. The slice is right for all of its values, as Python's slices are:
beyond the end it stops there.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "model.sequence"))


class TrimByLongest(nn.Module):
    def forward(self, x, lengths):
        return x[:, : lengths.max().item()] * 2


def model():
    return TrimByLongest()


def inputs():
    return call(torch.randn(2, 6), torch.tensor([3, 4]))


def more_inputs():
    return [
        call(torch.randn(2, 6), torch.tensor([1, 1])),
        call(torch.randn(2, 6), torch.tensor([6, 2])),
        call(torch.randn(2, 6), torch.tensor([0, 0])),
    ]
