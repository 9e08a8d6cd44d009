"""cond inside cond.

What it shows
-------------
A branch decides again.

Why it is hard
--------------
Subgraphs within subgraphs.

What Monograph does
-------------------
Captures them.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond",))


class NestedCond(nn.Module):
    def forward(self, x):
        def positive(x):
            return torch.cond(x.max() > 2, lambda x: x / 2, lambda x: x * 2, (x,))

        return torch.cond(x.sum() > 0, positive, torch.neg, (x,))


def model():
    return NestedCond()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.full((3,), 5.0)), call(-torch.ones(3))]
