"""A greedy list of boxes to keep.

What it shows
-------------
Non-maximum suppression as a loop: a box is kept if no kept box overlaps it.

Why it is hard
--------------
A list that grows under a condition on data.

What Monograph does
-------------------
Refuses it in the default mode.

Use instead
-----------
A mask that is updated for each box, in a loop of fixed length.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("model.detection", "python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class Suppress(nn.Module):
    def forward(self, overlap):
        alive = torch.ones(overlap.shape[0], dtype=torch.bool)
        for i in range(overlap.shape[0]):
            if alive[i]:  # refused: MG-D101
                alive = alive & ~((overlap[i] > 0.5) & (torch.arange(overlap.shape[0]) > i))
        return alive


def model():
    return Suppress()


def inputs():
    return call(torch.tensor([[1.0, 0.7, 0.1], [0.7, 1.0, 0.2], [0.1, 0.2, 1.0]]))


def more_inputs():
    return [call(torch.eye(3)), call(torch.ones(3, 3))]


class SuppressMask(nn.Module):
    def forward(self, overlap):
        at = torch.arange(overlap.shape[0])
        alive = torch.ones(overlap.shape[0], dtype=torch.bool)
        for i in range(overlap.shape[0]):
            alive = alive & ~(alive[i] & (overlap[i] > 0.5) & (at > i))
        return alive


def rewrite_mask():
    return SuppressMask()


EXPECT = Expect(code="MG-D101")
