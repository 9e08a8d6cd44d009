"""A parameter written under no_grad.

What it shows
-------------
Spectral normalisation writes its weight inside forward.

Why it is hard
--------------
A parameter changes although it requires gradients.

What Monograph does
-------------------
The new content is an output that is written back to the parameter.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "torch.autograd"))


class Normalised(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    def forward(self, x):
        with torch.no_grad():
            self.weight.div_(2)
        return x * self.weight


def model():
    return Normalised()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.randn(3)), call(torch.ones(3))]
