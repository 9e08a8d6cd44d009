"""Python's max of two tensors.

What it shows
-------------
The built-in `max` compares two tensors with one element and returns one of them.

Why it is hard
--------------
`max` asks whether one is larger, which is a question about data.

What Monograph does
-------------------
Captures `max` and `min` of tensors as the operators that compute them.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.builtin", "torch.dynamic-value"))


class MaxOfTensors(nn.Module):
    def forward(self, x, y):
        return max(x.sum(), y.sum()) * x


def model():
    return MaxOfTensors()


def inputs():
    return call(torch.ones(3), torch.zeros(3))


def more_inputs():
    return [call(torch.zeros(3), torch.ones(3)), call(-torch.ones(3), torch.ones(3))]
