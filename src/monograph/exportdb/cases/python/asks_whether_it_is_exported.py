"""A program that asks whether it is exported.

What it shows
-------------
`torch.compiler.is_exporting()` leads to a way that fails.

Why it is hard
--------------
While it is captured the program is another one than in eager mode.

What Monograph does
-------------------
Says that the exception is raised only while capturing, with the line.

Use instead
-----------
Leave the question out, or make both ways work.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.control-flow", "torch.escape-hatch"), support=Support.UNSUPPORTED)


class Asks(nn.Module):
    def forward(self, x):
        if torch.compiler.is_exporting():
            return x + self.missing  # refused: MG-P110
        return x + 1


def model():
    return Asks()


def inputs():
    return call(torch.randn(3))


class Plain(nn.Module):
    def forward(self, x):
        return x + 1


def rewrite_plain():
    return Plain()


EXPECT = Expect(code="MG-P110")
