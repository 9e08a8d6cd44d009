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
Format what the program returns, outside of it. What is wanted of the text (here its length) is
often a function of the number that operators can compute.
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


def more_inputs():
    return [call(torch.full((3,), -12.5)), call(torch.full((3,), 1234.0)), call(torch.zeros(3))]


class Counted(nn.Module):
    def forward(self, x):
        mean = x.mean()
        powers = torch.tensor([1e1, 1e2, 1e3, 1e4, 1e5])
        digits = (mean.round(decimals=3).abs() >= powers).sum()
        return x * (5 + digits + torch.signbit(mean))


def rewrite_counted():
    return Counted()


EXPECT = Expect(code="MG-D102")
