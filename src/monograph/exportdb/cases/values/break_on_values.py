"""A loop that is left when the values say so.

What it shows
-------------
`break` inside a loop of fixed length, under a condition on data.

Why it is hard
--------------
The iterations after the break must not happen, and nobody knows which these are.

What Monograph does
-------------------
Refuses it in the default mode. Strict mode keeps the unrolled loop and makes what follows the
`break` one side of a `cond`.

Use instead
-----------
Keep a tensor that says whether the loop has ended, and change the values only while it has not.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class BreakOnValues(nn.Module):
    def forward(self, x):
        for _ in range(6):
            x = x * 2
            if x.max() > 20:  # refused: MG-D101
                break
        return x


def model():
    return BreakOnValues()


def inputs():
    return call(torch.full((3,), 3.0))


def more_inputs():
    return [call(torch.full((3,), 30.0)), call(torch.full((3,), 0.1))]


class Flag(nn.Module):
    def forward(self, x):
        ended = torch.tensor(False)
        for _ in range(6):
            x = torch.where(ended, x, x * 2)
            ended = ended | (x.max() > 20)
        return x


def rewrite_flag():
    return Flag()


EXPECT = Expect(code="MG-D101")
