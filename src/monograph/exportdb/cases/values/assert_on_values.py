"""An assertion about values.

What it shows
-------------
`assert (x >= 0).all()` with a message.

Why it is hard
--------------
Python asks for the truth of a tensor.

What Monograph does
-------------------
Captures it as an assertion of the program: it fails at run time with this message.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.assert", "torch.dynamic-value"))


class AssertOnValues(nn.Module):
    def forward(self, x):
        assert (x >= 0).all(), "negative input"
        return x.sqrt()


def model():
    return AssertOnValues()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.zeros(3))]


def bad_inputs():
    return [call(-torch.ones(3))]
