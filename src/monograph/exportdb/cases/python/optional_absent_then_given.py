"""An optional tensor that is given later.

What it shows
-------------
The example passes None, a later call passes a mask.

Why it is hard
--------------
The program without the mask has no place for it.

What Monograph does
-------------------
Refuses the call: the mask is not silently dropped.

Use instead
-----------
Pass a mask of ones in the example, or export twice.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class Optional(nn.Module):
    def forward(self, x, mask=None):
        return x if mask is None else x * mask


def model():
    return Optional()


def inputs():
    return call(torch.randn(3), None)


def more_inputs():
    return [call(torch.randn(3), None)]


def bad_inputs():
    return [call(torch.randn(3), torch.ones(3))]


EXPECT = Expect(code="MG-I103")
