"""A buffer that is assigned anew.

What it shows
-------------
`self.mean = self.mean * 0.9 + x.mean() * 0.1`.

Why it is hard
--------------
The assignment replaces the buffer instead of writing to it.

What Monograph does
-------------------
The new content is an output that is written back to the buffer at every call.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "torch.module"))


class Running(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        self.mean = self.mean * 0.9 + x.mean() * 0.1
        return x - self.mean


def model():
    return Running()


def inputs():
    return call(torch.randn(4))


def more_inputs():
    return [call(torch.randn(4)), call(torch.ones(4))]
