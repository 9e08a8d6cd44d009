"""A program that is another one when it is captured again.

What it shows
-------------
What is computed depends on the number of the next thread, which moves on with every call.

Why it is hard
--------------
What is exported depends on when it is exported.

What Monograph does
-------------------
With `MONOGRAPH_REPEAT=1` every export captures twice, and refuses a program that differs.

Use instead
-----------
Decide by what is an input, or an attribute that stays.
"""

import os
from threading import Thread

import torch
from torch import nn

from monograph import export
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.side-effect", "torch.escape-hatch"))


class DiffersEachTime(nn.Module):
    def forward(self, x):
        number = int(Thread().name[7:])
        return (torch.sin, torch.cos)[number % 2](x)


class Steady(nn.Module):
    def forward(self, x):
        return x.sin()


def model():
    return Steady()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


def use(program):
    before = os.environ.get("MONOGRAPH_REPEAT", "0")
    os.environ["MONOGRAPH_REPEAT"] = "1"
    try:
        export(DiffersEachTime(), (torch.randn(3),))
    finally:
        os.environ["MONOGRAPH_REPEAT"] = before


EXPECT = Expect(code="MG-P109")
