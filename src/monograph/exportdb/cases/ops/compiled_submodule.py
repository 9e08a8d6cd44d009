"""A compiled submodule.

What it shows
-------------
`torch.compile(layer)` inside the model.

Why it is hard
--------------
The compiler would capture the layer in its own way, and cannot while another capture is going on.

What Monograph does
-------------------
Runs the original module, under its own name: the graph and the state are those of the model
without `torch.compile`.

See also
--------
compiled_helper
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class Compiled(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.compile(nn.Linear(3, 3))

    def forward(self, x):
        return self.inner(x).relu()


def model():
    return Compiled()


def inputs():
    return call(torch.randn(2, 3))
