"""Neighbours within a radius, and forces.

What it shows
-------------
Pairs closer than a cut-off, an energy over them, and its gradient.

Why it is hard
--------------
The number of pairs depends on data, and a derivative goes through their selection.

What Monograph does
-------------------
A symbol for the number of pairs; the derivative is part of the graph.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.graph", "torch.autograd", "torch.dynamic-value"))


class Neighbours(nn.Module):
    def forward(self, positions):
        positions = positions.detach().requires_grad_(True)
        difference = positions[:, None] - positions[None]
        distance = (difference.square().sum(-1) + torch.eye(len(positions))).sqrt()
        pairs = (distance < 1.5).nonzero()
        energy = (1 / distance[pairs[:, 0], pairs[:, 1]]).sum()
        return energy, -torch.autograd.grad(energy, positions)[0]


def model():
    return Neighbours()


def inputs():
    return call(torch.randn(4, 3))


def more_inputs():
    return [call(torch.randn(4, 3) * 10), call(torch.randn(4, 3) * 0.1)]
