"""`id()` of a tensor.

What it shows
-------------
The identity of a tensor is added to it.

Why it is hard
--------------
The identity is another one at every call.

What Monograph does
-------------------
Uses the one that it was while capturing, and lists it in `ep.assumptions` with the line.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.builtin",))


class IdOfTensor(nn.Module):
    def forward(self, x):
        x = x + 1
        return x + (id(x) > 0)


def model():
    return IdOfTensor()


def inputs():
    return call(torch.randn(3, 3))


EXPECT = Expect(
    operators=("add", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=("id",),
)
