"""A function marked as returning a constant.

What it shows
-------------
A method reads a number out of a tensor and is decorated with `assume_constant_result`.

Why it is hard
--------------
The number is only known when the program runs; the mark says that the one of the example will do.

What Monograph does
-------------------
Computes the marked result from the example inputs, makes it part of the program, and lists it in
`ep.assumptions`.

Limits
------
The program is right only where the marked function would return the same: here, for y == 4.
"""

import torch
from torch import nn

from monograph import assume_constant_result
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.escape-hatch",))


class AssumeConstantResult(nn.Module):
    @assume_constant_result
    def get_item(self, y):
        return y.int().item()

    def forward(self, x, y):
        return x[: self.get_item(y)]


def model():
    return AssumeConstantResult()


def inputs():
    return call(torch.randn(3, 2), torch.tensor(4))


def more_inputs():
    return [call(torch.randn(3, 2), torch.tensor(4))]


EXPECT = Expect(
    operators=("slice",),
    inputs=("USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=("constant-result",),
)
