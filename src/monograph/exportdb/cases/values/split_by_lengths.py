"""A split by lengths in a tensor.

What it shows
-------------
`x.split(lengths.tolist())` cuts a packed batch into its parts.

Why it is hard
--------------
The lengths are numbers in a tensor, and must add up to that of x.

What Monograph does
-------------------
One symbol for each length; that they are sizes and add up becomes an assertion.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "model.sequence"))


class SplitByLengths(nn.Module):
    def forward(self, x, lengths):
        return [part.mean(0) for part in x.split(lengths.tolist())]


def model():
    return SplitByLengths()


def inputs():
    return call(torch.randn(6, 3), torch.tensor([1, 2, 3]))


def more_inputs():
    return [
        call(torch.randn(6, 3), torch.tensor([2, 2, 2])),
        call(torch.randn(6, 3), torch.tensor([4, 1, 1])),
    ]


def bad_inputs():
    return [call(torch.randn(6, 3), torch.tensor([1, 1, 1]))]
