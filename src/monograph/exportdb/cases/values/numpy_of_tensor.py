"""NumPy on a tensor.

What it shows
-------------
`np.tanh(x.numpy())`, and back to a tensor.

Why it is hard
--------------
While a program is captured its tensors have no memory for NumPy to read, and NumPy's functions
are no operators that a graph could hold.

What Monograph does
-------------------
Refuses it, and offers torch's function of the same name where there is one. Arrays that are there
before the call are constants of the program.

Use instead
-----------
`torch.tanh(x)`: most functions of NumPy have a twin. What has none (an algorithm in SciPy, say)
becomes an operator of its own: `torch.library.custom_op`.

See also
--------
numpy_constant, custom_operator_with_fake
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
