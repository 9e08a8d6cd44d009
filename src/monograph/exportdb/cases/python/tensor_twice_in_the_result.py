"""One tensor twice in the result.

What it shows
-------------
`return y, {"again": y}`.

Why it is hard
--------------
The two results are one object in eager mode.

What Monograph does
-------------------
So they are in the result of the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure", "torch.aliasing"))


class Twice(nn.Module):
    def forward(self, x):
        y = x + 1
        return y, {"again": y}


def model():
    return Twice()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
