"""`torch.sym_min` of a size and a number.

What it shows
-------------
A size is limited to a number.

Why it is hard
--------------
The result is a number, not a tensor.

What Monograph does
-------------------
Computes it where the size is fixed; where it varies, ``sym_min`` is an operation of the graph.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.operator",))


class TorchSymMin(nn.Module):
    def forward(self, x):
        return x.sum() + torch.sym_min(x.size(0), 100)


def model():
    return TorchSymMin()


def inputs():
    return call(torch.randn(3, 2))


def bad_inputs():
    return [call(torch.randn(200, 2))]


EXPECT = Expect(
    operators=("sum", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)


def dynamic_shapes():
    return {"x": {0: Dim("n"), 1: Dim("m")}}


def more_sizes():
    return [call(torch.randn(n, m)) for n in (0, 1, 99, 100, 101) for m in (1, 4)]
