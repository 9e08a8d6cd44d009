"""A set of strings.

What it shows
-------------
`"a" in names`, where names is a set.

Why it is hard
--------------
The order of a set of strings is another one in each process.

What Monograph does
-------------------
Membership is fine in both modes; iterating over the set is refused in strict mode.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


class SetOfStrings(nn.Module):
    def __init__(self):
        super().__init__()
        self.enabled = {"bias", "scale"}

    def forward(self, x):
        if "scale" in self.enabled:
            x = x * 2
        return x + 1 if "bias" in self.enabled else x


def model():
    return SetOfStrings()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
