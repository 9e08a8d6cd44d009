"""A function over a batch with vmap.

What it shows
-------------
`torch.vmap(f)(x)`.

Why it is hard
--------------
The function is written for one row, and runs once for all.

What Monograph does
-------------------
Captures the batched operators.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.operator",))


class OverBatch(nn.Module):
    def forward(self, x, y):
        return torch.vmap(lambda a, b: (a * b).sum() + a)(x, y)


def model():
    return OverBatch()


def inputs():
    return call(torch.randn(4, 3), torch.randn(4, 3))


def more_inputs():
    return [call(torch.ones(4, 3), torch.zeros(4, 3))]
