"""A write to what is a copy or a view.

What it shows
-------------
`x.t().reshape(-1)` is a view where a size is 1, a copy else; then it is written.

Why it is hard
--------------
Whether the caller's tensor is written depends on a size.

What Monograph does
-------------------
Refuses it where the example has the special size. With an example that has none it captures the
copy, and restricts the size to 2 and more. Where x is a tensor of the program that is not used any
more, nobody can tell, and all sizes hold.

Use instead
-----------
Say which is meant: `.clone()` for a copy.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.aliasing", "torch.mutation", "torch.dynamic-shape"), support=Support.UNSUPPORTED
)


class CopyOrView(nn.Module):
    def forward(self, x):
        z = x.t().reshape(-1)
        z.add_(1)  # refused: MG-M101
        return z


def model():
    return CopyOrView()


def inputs():
    return call(torch.randn(1, 3))


def dynamic_shapes():
    return {"x": {0: Dim.AUTO}}


def more_sizes():
    return [call(torch.randn(4, 3))]


class Copied(nn.Module):
    def forward(self, x):
        z = x.t().reshape(-1).clone()
        z.add_(1)
        return z


def rewrite_copy():
    return Copied()


EXPECT = Expect(code="MG-M101")
