"""`id()` of a tensor.

What it shows
-------------
The identity of a tensor is added to it.

Why it is hard
--------------
The identity is another one at every call.

What Monograph does
-------------------
Uses the one that it was while capturing, and lists it in `ep.assumptions` with the line. Strict
mode refuses it: the value is another one in each run.

Use instead
-----------
Compare tensors with `is`, which has one answer; or pass what the identity stands for.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.builtin", "python.object-model"), strict=Support.UNSUPPORTED)


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
    strict_code="MG-P108",
)
