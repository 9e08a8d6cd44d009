"""A linear recurrence with associative_scan.

What it shows
-------------
State space models: pairs of factors and values are combined.

Why it is hard
--------------
A parallel scan over a tree of tensors.

What Monograph does
-------------------
One node that runs as torch's does.
"""

import torch
from torch import nn
from torch._higher_order_ops import associative_scan

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.loop", "model.sequence"))


class Recurrence(nn.Module):
    def forward(self, a, b):
        def combine(left, right):
            return left[0] * right[0], left[1] * right[0] + right[1]

        return associative_scan(combine, (a, b), 0, combine_mode="generic")[1]


def model():
    return Recurrence()


def inputs():
    return call(torch.rand(4, 3), torch.randn(4, 3))


def more_inputs():
    return [call(torch.rand(4, 3), torch.ones(4, 3))]
