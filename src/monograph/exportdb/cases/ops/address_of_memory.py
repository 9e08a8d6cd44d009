"""The address of a tensor's memory.

What it shows
-------------
`x.data_ptr() % 16`.

Why it is hard
--------------
While capturing a tensor has no memory.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Let the kernel look at alignment; compare tensors with `is`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.object-model", "torch.aliasing"), support=Support.UNSUPPORTED)


class Address(nn.Module):
    def forward(self, x):
        is_aligned = x.data_ptr() % 16 == 0  # refused: MG-P106
        return x * 2 if is_aligned else x + x


def model():
    return Address()


def inputs():
    return call(torch.randn(4))


class Without(nn.Module):
    def forward(self, x):
        return x * 2


def rewrite_without():
    return Without()


EXPECT = Expect(code="MG-P106")
