"""A NumPy array as a constant.

What it shows
-------------
`torch.from_numpy(self.table)` inside forward.

Why it is hard
--------------
The array is no tensor, and no parameter.

What Monograph does
-------------------
A constant of the program.
"""

import numpy as np
import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


class NumpyConstant(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = np.arange(3, dtype=np.float32)

    def forward(self, x):
        return x * torch.from_numpy(self.table)


def model():
    return NumpyConstant()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
