"""A guard clause that returns early.

What it shows
-------------
A check of the values at the top of `forward` returns something else before the usual way begins.

Why it is hard
--------------
Everything after the clause belongs to one side of a branch, and Python runs one side.

What Monograph does
-------------------
Refuses it in the default mode, with the line. In strict mode the rest of the function becomes the
other side of a `cond`.

Use instead
-----------
Compute the usual result for harmless values and choose with `torch.where`, or call `torch.cond`
with both ways.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class GuardClause(nn.Module):
    def forward(self, x):
        if not torch.isfinite(x).all():  # refused: MG-D101
            return torch.zeros_like(x)
        return x / (x.norm() + 1)


def model():
    return GuardClause()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.tensor([1.0, float("inf"), 0.0])), call(torch.zeros(3))]


class Where(nn.Module):
    def forward(self, x):
        is_finite = torch.isfinite(x).all()
        safe = torch.where(is_finite, x, torch.zeros_like(x))
        return torch.where(is_finite, safe / (safe.norm() + 1), torch.zeros_like(x))


def rewrite_where():
    return Where()


EXPECT = Expect(code="MG-D101")
