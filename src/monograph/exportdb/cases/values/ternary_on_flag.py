"""A conditional expression on a boolean tensor.

What it shows
-------------
A flag that is a tensor chooses between two expressions.

Why it is hard
--------------
Python evaluates one of the two.

What Monograph does
-------------------
Refuses it in the default mode; strict mode captures the expression as a `cond`.

Use instead
-----------
`torch.where(flag, a, b)`; where the flag is a constant of the model, pass a Python bool.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class TernaryOnFlag(nn.Module):
    def forward(self, x, flag):
        return (x + 1) if flag else (x - 1)  # refused: MG-D101


def model():
    return TernaryOnFlag()


def inputs():
    return call(torch.randn(3), torch.tensor(True))


def more_inputs():
    return [call(torch.randn(3), torch.tensor(False))]


class Where(nn.Module):
    def forward(self, x, flag):
        return torch.where(flag, x + 1, x - 1)


def rewrite_where():
    return Where()


EXPECT = Expect(code="MG-D101")
