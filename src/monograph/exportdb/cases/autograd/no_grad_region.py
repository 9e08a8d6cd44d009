"""A region without gradients.

What it shows
-------------
`with torch.no_grad():` around part of forward.

Why it is hard
--------------
The result requires no gradient, although its inputs do.

What Monograph does
-------------------
Gradients of the program stop where eager mode's do.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.autograd", "python.context-manager"))


class NoGrad(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        with torch.no_grad():
            scale = self.lin(x).norm()
        return self.lin(x) / scale


def model():
    return NoGrad()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3))]
