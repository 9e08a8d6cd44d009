"""A low-rank adapter, merged or not.

What it shows
-------------
`if self.merged:` chooses between one weight and two.

Why it is hard
--------------
The flag is state of the module.

What Monograph does
-------------------
The branch of the flag; strict mode lists it in `ep.assumptions`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow", "torch.module"))


class Adapter(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.down, self.up = nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)
        self.merged = False

    def forward(self, x):
        if self.merged:
            return self.lin(x)
        return self.lin(x) + self.up(self.down(x))


def model():
    return Adapter()


def inputs():
    return call(torch.randn(2, 4))


def more_inputs():
    return [call(torch.zeros(2, 4))]
