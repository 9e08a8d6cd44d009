"""A buffer that is None until the first call.

What it shows
-------------
The slot was made with `register_buffer("mask", None)`.

Why it is hard
--------------
A tensor of the capture would stay behind in the user's model.

What Monograph does
-------------------
Refuses it: a buffer that is None before the call and a tensor after it has no fixed shape. The
model is left as it was.

Use instead
-----------
Fill the buffer before exporting.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.module", "torch.mutation"), support=Support.UNSUPPORTED)


class LazyBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", None)

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.arange(x.shape[-1]) + 1.0  # refused: MG-M103
        return x * self.mask


def model():
    return LazyBuffer()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]


class Before(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mask", torch.arange(3) + 1.0)

    def forward(self, x):
        return x * self.mask


def rewrite_before():
    return Before()


EXPECT = Expect(code="MG-M103")
