"""A helper function compiled with `fullgraph=True`.

What it shows
-------------
A function under `@torch.compile(fullgraph=True)` that the model calls: how libraries ship their
fast paths.

Why it is hard
--------------
The compiler cannot work while a program is captured, and `fullgraph=True` makes an error of that.

What Monograph does
-------------------
Functions and modules that are compiled run as they were written, and their operators are recorded.
What consumes the program can compile all of it.

See also
--------
compiled_submodule
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module", "python.object-model"))


@torch.compile(fullgraph=True)
def normalised(x):
    return (x - x.mean(-1, keepdim=True)) * torch.rsqrt(x.var(-1, keepdim=True) + 1e-5)


class CallsCompiled(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x):
        return normalised(self.lin(x))


def model():
    return CallsCompiled()


def inputs():
    return call(torch.randn(3, 4))


def more_inputs():
    return [call(torch.ones(3, 4))]


def dynamic_shapes():
    return {"x": {0: Dim("rows")}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (1, 2, 9)]
