"""A generator that yields stages.

What it shows
-------------
A local generator yields functions, a loop applies them.

Why it is hard
--------------
Generators keep a frame of their own.

What Monograph does
-------------------
Runs them as Python does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow", "python.closure"))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])

    def stages(self):
        for layer in self.layers:
            yield layer
            yield torch.relu

    def forward(self, x):
        for stage in self.stages():
            x = stage(x)
        return x


def model():
    return Generator()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
