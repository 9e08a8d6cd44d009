"""Slices whose bounds are computed from sizes.

What it shows
-------------
The stop of one slice and the start of another are expressions of input sizes.

Why it is hard
--------------
The bounds are Python numbers when the slice is recorded.

What Monograph does
-------------------
Records the slices: with numbers where the sizes are fixed, else with expressions of the input's
sizes. What a slice clamps is part of the size of its result, for every size of the input.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class DynamicShapeSlicing(nn.Module):
    def forward(self, x):
        return x[: x.shape[0] - 2, x.shape[1] - 1 :: 2]


def model():
    return DynamicShapeSlicing()


def inputs():
    return call(torch.randn(3, 2))


EXPECT = Expect(
    operators=("slice", "slice"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)


def dynamic_shapes():
    return {"x": {0: Dim("n"), 1: Dim("m")}}


def more_sizes():
    return [call(torch.randn(n, m)) for n in (0, 1, 2, 3, 9) for m in (1, 2, 5)]
