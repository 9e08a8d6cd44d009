"""A scripted function.

What it shows
-------------
A function decorated with `torch.jit.script`.

Why it is hard
--------------
TorchScript runs outside of Python.

What Monograph does
-------------------
Records what it computes.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.operator",))


@torch.jit.script
def scaled(x: torch.Tensor, by: float) -> torch.Tensor:
    return x * by + 1


class CallsScript(nn.Module):
    def forward(self, x):
        return scaled(x, 2.0)


def model():
    return CallsScript()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
