"""An out argument.

What it shows
-------------
`torch.add(x, y, out=buffer)`.

Why it is hard
--------------
The operator writes into a tensor that is given.

What Monograph does
-------------------
A write to the buffer.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "torch.operator"))


class Out(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("sum", torch.zeros(3))

    def forward(self, x):
        torch.add(self.sum, x, out=self.sum)
        return self.sum * 2


def model():
    return Out()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3)), call(torch.ones(3))]
