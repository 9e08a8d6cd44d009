"""A size as the result.

What it shows
-------------
The program returns a number that it computed from a size, and no tensor.

Why it is hard
--------------
The number differs from call to call.

What Monograph does
-------------------
Returns the example's number where the size is fixed; where it varies the number is an output of
the graph.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class ScalarOutput(nn.Module):
    def forward(self, x):
        return x.shape[1] + 1


def model():
    return ScalarOutput()


def inputs():
    return call(torch.ones(3, 2))


EXPECT = Expect(operators=(), inputs=("USER_INPUT",), outputs=("USER_OUTPUT",))


def dynamic_shapes():
    return {"x": {0: Dim("n"), 1: Dim("m")}}


def more_sizes():
    return [call(torch.ones(n, m)) for n in (0, 1, 5) for m in (0, 1, 7)]
