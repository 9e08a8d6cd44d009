"""Forces through a square root.

What it shows
-------------
Distances are square roots; their derivative at 0 is avoided by a small number.

Why it is hard
--------------
The backward formula of `sqrt` must be captured as it is.

What Monograph does
-------------------
Captures it; the numbers are eager mode's.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd", "torch.operator"))


class Distances(nn.Module):
    def forward(self, positions):
        positions = positions.detach().requires_grad_(True)
        energy = ((positions[:, None] - positions[None]).square().sum(-1) + 1e-6).sqrt().sum()
        return torch.autograd.grad(energy, positions)[0]


def model():
    return Distances()


def inputs():
    return call(torch.randn(4, 3))


def more_inputs():
    return [call(torch.ones(4, 3))]
