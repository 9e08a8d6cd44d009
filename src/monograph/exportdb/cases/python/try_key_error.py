"""A missing key that is caught.

What it shows
-------------
`try: table[name]` and `except KeyError`.

Why it is hard
--------------
Exceptions are part of the control flow.

What Monograph does
-------------------
Runs it as Python does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.exception", "python.data-structure"))


class TryKey(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = {"a": 2.0}

    def forward(self, x):
        try:
            scale = self.table["b"]
        except KeyError:
            scale = 3.0
        return x * scale


def model():
    return TryKey()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
