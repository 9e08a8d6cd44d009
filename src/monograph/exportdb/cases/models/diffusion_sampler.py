"""A sampler over a schedule.

What it shows
-------------
A Python loop over a schedule's steps, with guidance `if scale > 1` for a Python number.

Why it is hard
--------------
The loop is unrolled; the guidance is a branch on a constant.

What Monograph does
-------------------
Captures all steps.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow", "model.vision"))


class Sampler(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(4, 4)
        self.scale = 2.0
        self.register_buffer("sigmas", torch.linspace(1, 0, 4))

    def forward(self, x):
        for i in range(len(self.sigmas) - 1):
            noise = self.net(x)
            if self.scale > 1:
                noise = noise + (self.scale - 1) * (noise - self.net(x * 0))
            x = x + (self.sigmas[i + 1] - self.sigmas[i]) * noise
        return x


def model():
    return Sampler()


def inputs():
    return call(torch.randn(2, 4))


def more_inputs():
    return [call(torch.zeros(2, 4))]
