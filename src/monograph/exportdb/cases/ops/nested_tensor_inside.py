"""A nested tensor inside the program.

What it shows
-------------
`torch.nested.nested_tensor_from_jagged` used between dense tensors.

Why it is hard
--------------
A kind of tensor with a size that is a list.

What Monograph does
-------------------
Refuses it: the constructor asks for the memory of its parts, and captured tensors are dense and
strided.

Use instead
-----------
The packed values and the offsets, with masks or `segment` operators.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.subclass", "model.sequence"), support=Support.UNSUPPORTED)


class Nested(nn.Module):
    def forward(self, values, offsets):
        nested = torch.nested.nested_tensor_from_jagged(values, offsets)  # refused: MG-P106
        return (nested * 2).values()


def model():
    return Nested()


def inputs():
    return call(torch.randn(5, 2), torch.tensor([0, 2, 5]))


class Packed(nn.Module):
    def forward(self, values, offsets):
        return values * 2


def rewrite_packed():
    return Packed()


EXPECT = Expect(code="MG-P106", strict_code="MG-P108")
