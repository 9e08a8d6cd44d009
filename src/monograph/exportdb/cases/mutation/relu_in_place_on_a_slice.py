"""An in-place operator on a slice.

What it shows
-------------
`y[:, 1:].relu_()` changes part of an intermediate tensor.

Why it is hard
--------------
The write goes through a view.

What Monograph does
-------------------
A `slice_scatter` into the whole.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "torch.aliasing"))


class OnASlice(nn.Module):
    def forward(self, x):
        y = x * 2
        y[:, 1:].relu_()
        return y


def model():
    return OnASlice()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(-torch.ones(2, 3))]
