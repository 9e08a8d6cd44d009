"""Dynamically quantised layers.

What it shows
-------------
`torch.ao.quantization.quantize_dynamic` on linear layers.

Why it is hard
--------------
The packed weights are objects of a C++ class.

What Monograph does
-------------------
The objects are constants of the program, in files and for other tools as well.

Limits
------
Reading a file with packed weights runs the code of their class, so `load` wants `trusted=True`.
"""

import warnings

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module", "torch.dtype"))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(8, 4)

    def forward(self, x):
        return self.lin(x).relu()


def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(Plain().eval(), {nn.Linear}, torch.qint8)


def model():
    return quantised()


def inputs():
    return call(torch.randn(2, 8))


def more_inputs():
    return [call(torch.ones(2, 8))]
