"""torch.equal and torch.allclose.

What it shows
-------------
Two tensors are compared as a whole, and the answer decides.

Why it is hard
--------------
The answer is a Python bool.

What Monograph does
-------------------
Refuses it in the default mode, and offers a patch. Where the answer decides nothing (it is
returned, or asserted) it is captured: a truth that varies. With `strict=True` the branch is
captured as it is.

Use instead
-----------
`(x == y).all()` is a tensor, for `torch.where`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.dynamic-value", "python.control-flow"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class EqualOfTensors(nn.Module):
    def forward(self, x, y):
        if torch.equal(x, y):  # refused: MG-D101
            return x * 2
        return x + y


def model():
    return EqualOfTensors()


def inputs():
    return call(torch.ones(3), torch.ones(3))


def more_inputs():
    return [call(torch.ones(3), torch.zeros(3))]


class Where(nn.Module):
    def forward(self, x, y):
        return torch.where((x == y).all(), x * 2, x + y)


def rewrite_where():
    return Where()


EXPECT = Expect(code="MG-D101")
