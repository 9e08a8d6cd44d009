"""The time and the environment.

What it shows
-------------
`time.time()` is asked inside forward, and steers the program.

Why it is hard
--------------
Another value in each run, which no tensor carries: an exported program can only have the value of
the capture.

What Monograph does
-------------------
Keeps that value, and lists it in `ep.assumptions` with its line. Strict mode refuses it.

Use instead
-----------
Ask once, when the model is built, so that the answer is part of the model as it is exported; what
changes from call to call is an argument.

See also
--------
global_that_changes, random_number_of_python
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


class AskedOnce(nn.Module):
    def __init__(self):
        super().__init__()
        self.shift = 1 if time.time() > 0 else 2

    def forward(self, x):
        return x + self.shift


def rewrite_asked_once():
    return AskedOnce()


EXPECT = Expect(assumptions=("time",), strict_code="MG-P108")
