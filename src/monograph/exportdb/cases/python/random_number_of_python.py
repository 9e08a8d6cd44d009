"""A random number of Python's.

What it shows
-------------
`x * random.random()`.

Why it is hard
--------------
Every call of eager mode draws another number; a trace keeps the one that it saw.

What Monograph does
-------------------
The default mode keeps the number, and lists it in `ep.assumptions`. Strict mode refuses it.

Use instead
-----------
`torch.rand(())`: it is drawn at every call.
"""

import random

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.randomness", "python.builtin"),
    support=Support.PARTIAL,
    strict=Support.UNSUPPORTED,
    note="the number is the one of the capture; it is listed",
)


class Random(nn.Module):
    def forward(self, x):
        return x * (random.random() >= 0)


def model():
    return Random()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


class Torch(nn.Module):
    def forward(self, x):
        return x * (torch.rand(()) >= 0)


def rewrite_torch():
    return Torch()


EXPECT = Expect(assumptions=("random",), strict_code="MG-P108")
