"""A Jacobian with torch.func.

What it shows
-------------
`torch.func.jacrev(f)(x)`.

Why it is hard
--------------
Function transforms wrap tensors in levels of their own.

What Monograph does
-------------------
Captures what the transform computes.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd", "torch.operator"))


class Jacobian(nn.Module):
    def forward(self, x):
        return torch.func.jacrev(lambda y: y.sin() * y.sum())(x)


def model():
    return Jacobian()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
