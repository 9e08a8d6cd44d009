"""A head that is named by an argument.

What it shows
-------------
`self.heads[name](x)` with a string and a `ModuleDict`.

Why it is hard
--------------
Only the head of the example is in the program.

What Monograph does
-------------------
Refuses a call with another name.

Use instead
-----------
`export_methods` with one method for each head.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.module", "python.data-structure"))


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"small": nn.Linear(3, 1), "large": nn.Linear(3, 8)})

    def forward(self, x, name: str):
        return self.heads[name](x)


def model():
    return Heads()


def inputs():
    return call(torch.randn(2, 3), "small")


def more_inputs():
    return [call(torch.zeros(2, 3), "small")]


def bad_inputs():
    return [call(torch.zeros(2, 3), "large")]


EXPECT = Expect(code="MG-I103")
