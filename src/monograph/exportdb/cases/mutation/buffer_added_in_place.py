"""A buffer that counts.

What it shows
-------------
`self.steps += 1` with a tensor.

Why it is hard
--------------
State that changes at every call.

What Monograph does
-------------------
The buffer's new content is an output that is written back.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "torch.module"))


class Steps(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, x):
        self.steps += 1
        return x / self.steps


def model():
    return Steps()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.randn(3)), call(torch.ones(3))]
