"""Dropout in training mode.

What it shows
-------------
`nn.Dropout` draws another mask at every call.

Why it is hard
--------------
A trace that keeps the mask of the example is wrong.

What Monograph does
-------------------
The mask is drawn by the program; with one seed it is eager mode's.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.randomness", "torch.module"))


class Dropping(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(x) * 2


def model():
    return Dropping().train()


def inputs():
    return call(torch.ones(16))


def more_inputs():
    return [call(torch.ones(16)), call(torch.zeros(16))]
