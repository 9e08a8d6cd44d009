"""A comprehension over layers.

What it shows
-------------
`[layer(x) for layer in self.layers]`, then a sum.

Why it is hard
--------------
Comprehensions have a scope of their own.

What Monograph does
-------------------
Runs it as Python does; every node knows its layer.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow", "torch.module"))


class Comprehension(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 2) for _ in range(3)])

    def forward(self, x):
        return sum([layer(x) for layer in self.layers])


def model():
    return Comprehension()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
