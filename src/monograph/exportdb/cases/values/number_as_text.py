"""A number formatted as text.

What it shows
-------------
A string is made of a tensor's value, and its length used.

Why it is hard
--------------
Text has no place in a graph of tensors.

What Monograph does
-------------------
Refuses it, naming the expression.

Use instead
-----------
Format what the program returns, outside of it. For a log line that does not change the result,
return the number.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.builtin", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class NumberAsText(nn.Module):
    def forward(self, x):
        label = f"{x.mean().item():.3f}"  # refused: MG-D102
        return x * len(label)


def model():
    return NumberAsText()


def inputs():
    return call(torch.ones(3))


class Returned(nn.Module):
    def forward(self, x):
        return x * 5


def rewrite_returned():
    return Returned()


EXPECT = Expect(code="MG-D102")
