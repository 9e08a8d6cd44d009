"""Attributes of the model that choose a branch.

What it shows
-------------
A string attribute is compared with an enum member, a number is added.

Why it is hard
--------------
The attribute is fixed when the program is exported.

What Monograph does
-------------------
Takes the branch that the attribute chooses; numbers become constants of the graph.

Limits
------
A later change of the attribute does not reach the exported program.
"""

from enum import Enum

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.object-model", "python.control-flow"))


class Animal(Enum):
    COW = "moo"


class SpecializedAttribute(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = "moo"
        self.b = 4

    def forward(self, x):
        if self.a == Animal.COW.value:
            return x * x + self.b
        raise ValueError("bad")


def model():
    return SpecializedAttribute()


def inputs():
    return call(torch.randn(3, 2))


EXPECT = Expect(
    operators=("mul", "add"),
    inputs=("USER_INPUT",),
    outputs=("USER_OUTPUT",),
    assumptions=(),
)
