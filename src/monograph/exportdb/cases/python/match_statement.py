"""A match statement.

What it shows
-------------
`match` on the rank of the input.

Why it is hard
--------------
Newer syntax that source-reading exporters must know.

What Monograph does
-------------------
Runs it as Python does, in both modes.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow",))


class Match(nn.Module):
    def forward(self, x):
        match x.dim():
            case 1:
                return x.sum()
            case 2:
                return x.sum(1)
            case _:
                return x


def model():
    return Match()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
