"""A module called with other weights.

What it shows
-------------
`torch.func.functional_call(module, {"weight": w}, (x,))`.

Why it is hard
--------------
Parameters are exchanged while the module runs.

What Monograph does
-------------------
The given tensors are what the graph uses.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class WithOtherWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x, w):
        return torch.func.functional_call(self.lin, {"weight": w}, (x,))


def model():
    return WithOtherWeights()


def inputs():
    return call(torch.randn(2, 3), torch.randn(3, 3))


def more_inputs():
    return [call(torch.ones(2, 3), torch.eye(3))]
