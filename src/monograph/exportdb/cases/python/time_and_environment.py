"""The time and the environment.

What it shows
-------------
`time.time()` is asked inside forward.

Why it is hard
--------------
Another value in each run.

What Monograph does
-------------------
Keeps the value of the capture, and lists it. Strict mode refuses it.

Use instead
-----------
Pass it as an argument.
"""

import time

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.side-effect", "python.builtin"),
    support=Support.PARTIAL,
    strict=Support.UNSUPPORTED,
    note="the value is the one of the capture; it is listed",
)


class Clock(nn.Module):
    def forward(self, x):
        return x + (1 if time.time() > 0 else 2)


def model():
    return Clock()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


class Without(nn.Module):
    def forward(self, x):
        return x + 1


def rewrite_argument():
    return Without()


EXPECT = Expect(assumptions=("time",), strict_code="MG-P108")
