"""A scripted submodule.

What it shows
-------------
A `torch.jit.script`ed layer inside.

Why it is hard
--------------
TorchScript runs outside of Python.

What Monograph does
-------------------
Runs it on abstract tensors, like any other module.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module", "torch.file"))


class Inner(nn.Module):
    def forward(self, x):
        return x.relu() + 1


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.jit.script(Inner())

    def forward(self, x):
        return self.inner(x) * 2


def model():
    return Scripted()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(-torch.ones(3))]
