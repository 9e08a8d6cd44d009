"""A view that is tried, and a reshape if it fails.

What it shows
-------------
`try: y.view(-1)` and `except RuntimeError: y.reshape(-1)`.

Why it is hard
--------------
The failure must be eager mode's, of the same type, at the same place.

What Monograph does
-------------------
Operators refuse their arguments with the exceptions that eager mode raises, so the program takes
the same way.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.exception", "torch.operator"))


class TryView(nn.Module):
    def forward(self, x):
        y = x.t()
        try:
            return y.view(-1)
        except RuntimeError:
            return y.reshape(-1) * 2


def model():
    return TryView()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
