"""A seed that is set inside the program.

What it shows
-------------
`torch.manual_seed(0)` in forward.

Why it is hard
--------------
Seeding is a side effect on the process, which a graph cannot carry.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Seed outside of the program, or draw from a generator that is passed in.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.randomness", "python.side-effect"), support=Support.UNSUPPORTED)


class Seeds(nn.Module):
    def forward(self, x):
        torch.manual_seed(7)  # refused: MG-P103
        return x * 2


def model():
    return Seeds()


def inputs():
    return call(torch.ones(3))


class Outside(nn.Module):
    def forward(self, x):
        return x * 2


def rewrite_outside():
    return Outside()


EXPECT = Expect(code="MG-P103")
