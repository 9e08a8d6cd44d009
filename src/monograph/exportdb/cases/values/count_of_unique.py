"""How many different values there are.

What it shows
-------------
`torch.unique(x).numel()` as a number, and its values as a result.

Why it is hard
--------------
The size of the result depends on the data.

What Monograph does
-------------------
A symbol for the size.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.operator"))


class CountOfUnique(nn.Module):
    def forward(self, x):
        values = torch.unique(x)
        return values * 2, values.numel()


def model():
    return CountOfUnique()


def inputs():
    return call(torch.tensor([1, 1, 2, 5]))


def more_inputs():
    return [call(torch.tensor([3, 3, 3, 3])), call(torch.tensor([1, 2, 3, 4]))]
