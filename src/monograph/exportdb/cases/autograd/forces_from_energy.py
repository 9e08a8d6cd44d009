"""Forces as the gradient of an energy.

What it shows
-------------
`torch.autograd.grad(energy, positions)` inside forward, as force fields do.

Why it is hard
--------------
The derivative must become part of the graph.

What Monograph does
-------------------
Captures the program above autograd, with the derivatives as operators.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd", "model.graph"))


class ForceField(nn.Module):
    def forward(self, positions):
        positions = positions.detach().requires_grad_(True)
        energy = (positions[:, None] - positions[None]).square().sum()
        (gradient,) = torch.autograd.grad(energy, positions)
        return energy, -gradient


def model():
    return ForceField()


def inputs():
    return call(torch.randn(4, 3))


def more_inputs():
    return [call(torch.zeros(4, 3))]
