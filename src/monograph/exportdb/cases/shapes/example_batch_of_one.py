"""A batch that varies, with an example of one.

What it shows
-------------
The example has a batch of 1, and any batch is declared.

Why it is hard
--------------
A size of 1 broadcasts, and tracers tend to take it for a constant.

What Monograph does
-------------------
The size of the example does not matter: 0, 1 and all others are captured by one program.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.dynamic-shape",))


class ExampleOfOne(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 2)

    def forward(self, x):
        return self.lin(x).relu()


def model():
    return ExampleOfOne()


def inputs():
    return call(torch.randn(1, 4))


def dynamic_shapes():
    return {"x": {0: Dim("batch", min=1, max=64)}}


def more_sizes():
    return [call(torch.randn(n, 4)) for n in (1, 2, 3, 64)]


def bad_sizes():
    return [call(torch.randn(65, 4)), call(torch.randn(0, 4))]


EXPECT = Expect(code="MG-I106")
