"""torch.equal and torch.allclose.

What it shows
-------------
Two tensors are compared as a whole, and the answer decides.

Why it is hard
--------------
The answer is a Python bool.

What Monograph does
-------------------
Refuses it, and offers a patch that compares element by element. The functions return a Python bool
from C++, so strict mode cannot help either.

Use instead
-----------
`(x == y).all()` is a tensor, for `torch.where`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-value", "python.control-flow"), support=Support.UNSUPPORTED)


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
