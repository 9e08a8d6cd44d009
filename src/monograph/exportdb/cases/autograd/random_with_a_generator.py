"""Random numbers of a generator.

What it shows
-------------
`torch.rand(3, generator=g)` with a generator of the model.

Why it is hard
--------------
The generator's state advances with each call.

What Monograph does
-------------------
The generator is an object of the program.

Limits
------
A file does not hold the state of the generator.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.randomness",))


class OwnGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = torch.Generator().manual_seed(3)

    def forward(self, x):
        return x + torch.rand(3, generator=self.generator)


def model():
    return OwnGenerator()


def inputs():
    return call(torch.zeros(3))


def more_inputs():
    return [call(torch.ones(3))]
