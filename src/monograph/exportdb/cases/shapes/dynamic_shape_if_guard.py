"""An if on a size.

What it shows
-------------
A branch is chosen by comparing a size with a number.

Why it is hard
--------------
Only one side is in the graph.

What Monograph does
-------------------
Takes the side of the example; inputs of another size are refused, so that the other side can never
be meant. A dimension that was declared with a name is then an error, with the line and what to
declare instead; one that was left to ``Dim.AUTO`` is fixed, and listed in ``ep.assumptions``.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow", "torch.dynamic-shape"))


class DynamicShapeIfGuard(nn.Module):
    def forward(self, x):
        if x.shape[0] == 3:
            return x.cos()
        return x.sin()


def model():
    return DynamicShapeIfGuard()


def inputs():
    return call(torch.randn(3, 2, 2))


def more_inputs():
    return [call(torch.zeros(3, 2, 2))]


def bad_inputs():
    return [call(torch.randn(4, 2, 2))]


EXPECT = Expect(
    operators=("cos",),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)


def dynamic_shapes():
    return {"x": {0: Dim.AUTO, 1: Dim("rows")}}


def more_sizes():
    return [call(torch.randn(3, n, 2)) for n in (0, 1, 5)]


def bad_sizes():
    return [call(torch.randn(n, 2, 2)) for n in (1, 2, 4)]
