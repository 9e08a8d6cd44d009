"""An enum that chooses the branch.

What it shows
-------------
`mode` is an enum member, and the program is called with another one.

Why it is hard
--------------
The branch of the example is in the program; a call with another member must not run it.

What Monograph does
-------------------
Refuses a call with another member. Other exporters compute the wrong branch without a word.

Use instead
-----------
Two programs, or a tensor and `torch.cond`.
"""

from enum import Enum

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class Mode(Enum):
    DOUBLE = 1
    HALVE = 2


class EnumArgument(nn.Module):
    def forward(self, x, mode):
        return x * 2 if mode is Mode.DOUBLE else x / 2


def model():
    return EnumArgument()


def inputs():
    return call(torch.randn(3), Mode.DOUBLE)


def more_inputs():
    return [call(torch.ones(3), Mode.DOUBLE)]


def bad_inputs():
    return [call(torch.ones(3), Mode.HALVE)]


EXPECT = Expect(code="MG-I103")
