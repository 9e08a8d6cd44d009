"""Conditions on tensors joined by and, or.

What it shows
-------------
A size and two conditions on values are joined with `and` and `or`, which stop early.

Why it is hard
--------------
`and` asks for the truth of its left side before the right side is computed.

What Monograph does
-------------------
Refuses it in the default mode, naming the part that asks. Strict mode captures the whole condition.

Use instead
-----------
`torch.logical_and`, `&` and `|` on boolean tensors, then `torch.where`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class AndOrOnTensors(nn.Module):
    def forward(self, x):
        if ((x > 0).any() and x.mean() < 1) or x.max() > 3:  # refused: MG-D101
            return x.sin()
        return x.cos()


def model():
    return AndOrOnTensors()


def inputs():
    return call(torch.zeros(3))


def more_inputs():
    return [call(torch.full((3,), 0.5)), call(torch.full((3,), 2.0)), call(torch.full((3,), 4.0))]


class Where(nn.Module):
    def forward(self, x):
        chosen = ((x > 0).any() & (x.mean() < 1)) | (x.max() > 3)
        return torch.where(chosen, x.sin(), x.cos())


def rewrite_where():
    return Where()


EXPECT = Expect(code="MG-D101")
