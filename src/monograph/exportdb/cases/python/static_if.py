"""An if on the number of dimensions.

What it shows
-------------
The rank of the argument chooses the branch.

Why it is hard
--------------
The other branch is not in the graph.

What Monograph does
-------------------
Takes the branch of the example; arguments of another rank are refused.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.control-flow",))


class StaticIf(nn.Module):
    def forward(self, x):
        if len(x.shape) == 3:
            return x + torch.ones(1, 1, 1)
        return x


def model():
    return StaticIf()


def inputs():
    return call(torch.randn(3, 2, 2))


def bad_inputs():
    return [call(torch.randn(3, 2))]


EXPECT = Expect(
    operators=("ones", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
