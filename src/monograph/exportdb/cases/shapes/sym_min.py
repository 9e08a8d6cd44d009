"""`torch.sym_min` of a size and a number.

What it shows
-------------
A size is limited to a number.

Why it is hard
--------------
The result is a number, not a tensor.

What Monograph does
-------------------
Computes it: with fixed sizes it is a constant of the graph.
"""

import torch
from torch import nn

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
