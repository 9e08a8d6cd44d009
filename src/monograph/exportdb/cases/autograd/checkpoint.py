"""Activation checkpointing.

What it shows
-------------
`torch.utils.checkpoint.checkpoint(block, x)`.

Why it is hard
--------------
The call exists for training alone, and saves random states.

What Monograph does
-------------------
Captures the block as if it were called directly.
"""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd", "torch.module"))


class Checkpointed(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.Linear(3, 3), nn.ReLU())

    def forward(self, x):
        return checkpoint(self.block, x, use_reentrant=False)


def model():
    return Checkpointed()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
