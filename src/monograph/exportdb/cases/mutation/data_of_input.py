"""Writing to `x.data`.

What it shows
-------------
An element of `x.data` is assigned, and x is returned.

Why it is hard
--------------
`.data` shares memory with x and hides the write from autograd.

What Monograph does
-------------------
Follows the alias: the write reaches x, and the caller's tensor when the program is called.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.mutation",))


class DataOfInput(nn.Module):
    def forward(self, x):
        x.data[0, 0] = 3
        return x


def model():
    return DataOfInput()


def inputs():
    return call(torch.randn(3, 3))


def more_inputs():
    return [call(torch.ones(3, 3))]


EXPECT = Expect(
    operators=("detach", "select", "select_scatter", "select_scatter"),
    inputs=("CONSTANT_TENSOR", "USER_INPUT"),
    outputs=("USER_INPUT_MUTATION", "USER_OUTPUT"),
    assumptions=("gradient",),
)
