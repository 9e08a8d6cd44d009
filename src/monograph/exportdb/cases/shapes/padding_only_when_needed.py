"""Padding only where the size is no multiple.

What it shows
-------------
`if h % 4 or w % 4: x = F.pad(...)` before a partition into windows.

Why it is hard
--------------
The branch depends on a size; both ways are wanted.

What Monograph does
-------------------
Captures both ways as a `cond` on the sizes. What comes after it knows the size in one expression,
`h + (-h) % 4`, which is a multiple of 4 either way.

Use instead
-----------
Pad always: padding by 0 is no padding.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.dynamic-shape", "model.vision", "python.control-flow"), support=Support.SUPPORTED
)


class PadWhenNeeded(nn.Module):
    def forward(self, x):
        h, w = x.shape[-2:]
        if h % 4 or w % 4:
            x = F.pad(x, (0, (-w) % 4, 0, (-h) % 4))
        h, w = x.shape[-2:]
        return x.view(x.shape[0], h // 4, 4, w // 4, 4).sum((2, 4))


def model():
    return PadWhenNeeded()


def inputs():
    return call(torch.randn(1, 6, 7))


def dynamic_shapes():
    return {"x": {1: Dim("h", min=1), 2: Dim("w", min=1)}}


def more_sizes():
    return [call(torch.randn(1, h, w)) for h, w in ((4, 4), (4, 5), (9, 8), (1, 1))]


class PadAlways(nn.Module):
    def forward(self, x):
        h, w = x.shape[-2:]
        x = F.pad(x, (0, (-w) % 4, 0, (-h) % 4))
        h, w = x.shape[-2:]
        return x.view(x.shape[0], h // 4, 4, w // 4, 4).sum((2, 4))


def rewrite_always():
    return PadAlways()


EXPECT = Expect()
