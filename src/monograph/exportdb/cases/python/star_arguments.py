"""Star arguments and keywords.

What it shows
-------------
`forward(self, *xs, scale=1.0, **extra)`.

Why it is hard
--------------
The names of the arguments are in the call, not in the signature.

What Monograph does
-------------------
The call's structure is kept.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


class Star(nn.Module):
    def forward(self, *xs, scale=1.0, **extra):
        return sum(xs) * scale + extra["bias"]


def model():
    return Star()


def inputs():
    return call(torch.randn(3), torch.randn(3), scale=2.0, bias=torch.randn(3))


def more_inputs():
    return [call(torch.ones(3), torch.ones(3), scale=2.0, bias=torch.zeros(3))]
