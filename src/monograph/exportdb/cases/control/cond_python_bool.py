"""cond on a Python bool.

What it shows
-------------
The predicate is an attribute of the model.

Why it is hard
--------------
There is nothing to decide when the program runs.

What Monograph does
-------------------
Captures one branch, and lists the predicate.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.cond",))


class PythonBool(nn.Module):
    def __init__(self):
        super().__init__()
        self.doubles = True

    def forward(self, x):
        return torch.cond(self.doubles, lambda x: x * 2, lambda x: x + 1, (x,))


def model():
    return PythonBool()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.zeros(3))]


EXPECT = Expect(assumptions=("constant-predicate",))
