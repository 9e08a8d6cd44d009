"""A branch on how a tensor lies in memory.

What it shows
-------------
`if not x.is_contiguous(): x = x * 2`.

Why it is hard
--------------
Strides are no part of a program's types: two calls with equal sizes can answer differently, and
the program was captured with one answer.

What Monograph does
-------------------
The branch of the example; what Python has read of a layout (`is_contiguous`, `stride`,
`storage_offset`, `dim_order`, `is_conj`, `is_neg`) is listed in `ep.assumptions` with its line,
and checked at the call: another answer is refused. A question about what was made of an argument,
and lies as that does, fixes the argument's strides.

Use instead
-----------
Give the program one layout: `x.contiguous()` where it is called, or as its first line.

Limits
------
`to_torch` passes the checks on as guards of torch's program; torch's own passes forget them.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.operator", "python.control-flow"))


class OnLayout(nn.Module):
    def forward(self, x):
        if not x.is_contiguous():
            x = x * 2
        return x.softmax(-1)


def model():
    return OnLayout()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3)), call(torch.randn(4, 3)[2:])]


def bad_inputs():
    return [call(torch.randn(3, 2).t())]


def rewrite_contiguous():
    class Contiguous(nn.Module):
        def forward(self, x):
            return x.contiguous().softmax(-1)

    return Contiguous()


EXPECT = Expect(code="MG-I107")
