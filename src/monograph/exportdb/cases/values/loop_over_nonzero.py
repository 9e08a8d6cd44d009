"""A loop over the indices of a mask.

What it shows
-------------
`for i in mask.nonzero()` visits the chosen rows one after the other.

Why it is hard
--------------
The number of iterations depends on data.

What Monograph does
-------------------
Refuses it in the default mode. In strict mode the loop becomes a `while_loop` over the indices that
carries the tensor it writes to.

Use instead
-----------
One operation for all rows at once, with the mask.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class LoopOverNonzero(nn.Module):
    def forward(self, x, mask):
        out = torch.zeros_like(x)
        for i in mask.nonzero().squeeze(-1):  # refused: MG-D102
            out[i] = x[i] * 3
        return out


def model():
    return LoopOverNonzero()


def inputs():
    return call(torch.randn(4, 2), torch.tensor([True, False, True, False]))


def more_inputs():
    return [call(torch.randn(4, 2), torch.zeros(4, dtype=torch.bool))]


class Masked(nn.Module):
    def forward(self, x, mask):
        return torch.where(mask[:, None], x * 3, torch.zeros_like(x))


def rewrite_mask():
    return Masked()


EXPECT = Expect(code="MG-D102")
