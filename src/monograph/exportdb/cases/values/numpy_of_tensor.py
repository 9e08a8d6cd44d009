"""NumPy on a tensor.

What it shows
-------------
`np.tanh(x.numpy())`, and back to a tensor.

Why it is hard
--------------
While capturing a tensor has no memory for NumPy to read.

What Monograph does
-------------------
Refuses it, and offers torch's function of the same name where there is one.

Use instead
-----------
`torch.tanh(x)`: most functions of NumPy have a twin.
"""

import numpy as np
import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.builtin", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class NumpyOfTensor(nn.Module):
    def forward(self, x):
        return torch.from_numpy(np.tanh(x.numpy()))  # refused: MG-D103


def model():
    return NumpyOfTensor()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


class Torch(nn.Module):
    def forward(self, x):
        return torch.tanh(x)


def rewrite_torch():
    return Torch()


EXPECT = Expect(code="MG-D103")
