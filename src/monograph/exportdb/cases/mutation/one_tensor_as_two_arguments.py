"""One tensor passed twice, and written.

What it shows
-------------
`a.add_(1)` where a and b are the same tensor.

Why it is hard
--------------
The write to a must show in b.

What Monograph does
-------------------
The arguments are known to be one tensor: the program writes it once, and expects one tensor for
both.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.aliasing", "torch.mutation"))


class Twins(nn.Module):
    def forward(self, a, b):
        a.add_(1)
        return a + b


def model():
    return Twins()


def inputs():
    return (lambda x: call(x, x))(torch.ones(3))


def more_inputs():
    return [(lambda x: call(x, x))(torch.zeros(3))]
