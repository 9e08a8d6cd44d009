"""A region under autocast.

What it shows
-------------
`with torch.autocast("cpu", torch.bfloat16):` around a layer.

Why it is hard
--------------
Inside, operators choose other dtypes.

What Monograph does
-------------------
The casts are in the graph, and only there.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dtype", "python.context-manager"))


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = self.lin(x)
        return y.float() + x


def model():
    return Autocast()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
