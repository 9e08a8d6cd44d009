"""A specification that names one of two arguments.

What it shows
-------------
`dynamic_shapes={"b": ...}` leaves `a` out.

Why it is hard
--------------
Other exporters want every argument named.

What Monograph does
-------------------
What is not mentioned is static.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape",))


class OneOfTwo(nn.Module):
    def forward(self, a, b):
        return a + b.sum()


def model():
    return OneOfTwo()


def inputs():
    return call(torch.randn(3), torch.randn(4))


def dynamic_shapes():
    return {"b": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(3), torch.randn(n)) for n in (0, 1, 7)]
