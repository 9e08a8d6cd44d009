"""A parametrised weight.

What it shows
-------------
`nn.utils.parametrizations.weight_norm` around a layer.

Why it is hard
--------------
The weight is computed when it is read.

What Monograph does
-------------------
Its computation is part of the graph; the originals are the parameters.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class Parametrised(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))

    def forward(self, x):
        return self.lin(x)


def model():
    return Parametrised()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3))]
