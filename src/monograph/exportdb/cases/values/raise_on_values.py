"""An exception raised because of values.

What it shows
-------------
`if (x < 0).any(): raise ValueError(...)`.

Why it is hard
--------------
Which way the program goes depends on data.

What Monograph does
-------------------
Captures the `raise` as an assertion of the program, since nothing in the program would catch it.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.exception", "torch.dynamic-value"))


class RaiseOnValues(nn.Module):
    def forward(self, x):
        if (x < 0).any():
            raise ValueError("negative input")
        return x.sqrt()


def model():
    return RaiseOnValues()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.zeros(3))]


def bad_inputs():
    return [call(-torch.ones(3))]
