"""An if on the values of a tensor.

What it shows
-------------
The sum of the input decides which function is applied.

Why it is hard
--------------
Both sides must be in the one graph, and Python runs one of them.

What Monograph does
-------------------
Refuses it in the default mode, naming the line and the expression. With `strict=True` it reads the
source, and captures the branch as it is: a `cond` node with both sides.

Use instead
-----------
`cond(condition, true_fn, false_fn, operands)`, or `torch.where(condition, a, b)`, which computes
both sides and chooses.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class IfOnValue(nn.Module):
    def forward(self, x):
        if x.sum() > 0:  # refused: MG-D101
            return torch.sin(x)
        return torch.cos(x)


def model():
    return IfOnValue()


def inputs():
    return call(torch.randn(3, 3))


def more_inputs():
    return [call(torch.ones(3, 3)), call(-torch.ones(3, 3))]


class Where(nn.Module):
    def forward(self, x):
        return torch.where(x.sum() > 0, torch.sin(x), torch.cos(x))


def rewrite_where():
    return Where()


class Cond(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))


def rewrite_cond():
    return Cond()


EXPECT = Expect(code="MG-D101")
