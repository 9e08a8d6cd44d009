"""Properties and static methods.

What it shows
-------------
A property computes from a parameter, a static method from a tensor.

Why it is hard
--------------
Attribute access runs code.

What Monograph does
-------------------
Runs it as Python does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.object-model", "torch.module"))


class Properties(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3))

    @property
    def positive(self):
        return self.weight.exp()

    @staticmethod
    def centred(x):
        return x - x.mean()

    def forward(self, x):
        return self.centred(x) * self.positive


def model():
    return Properties()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
