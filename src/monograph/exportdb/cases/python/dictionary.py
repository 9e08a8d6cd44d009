"""Dictionaries inside, and as the result.

What it shows
-------------
Values pass through a dict, and the result is a dict.

Why it is hard
--------------
The graph returns a flat list of tensors; the caller wants the dict.

What Monograph does
-------------------
Takes the result apart into its leaves and puts the dict together again when the program is called.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.data-structure",))


class Dictionary(nn.Module):
    def forward(self, x, y):
        elements = {}
        elements["x2"] = x * x
        y = y * elements["x2"]
        return {"y": y}


def model():
    return Dictionary()


def inputs():
    return call(torch.randn(3, 2), torch.tensor(4))


def more_inputs():
    return [call(torch.randn(3, 2), torch.tensor(-1))]


EXPECT = Expect(
    operators=("mul", "mul"),
    inputs=("USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
