"""A dictionary looked up by a value.

What it shows
-------------
A number out of a tensor is the key of a Python dictionary.

Why it is hard
--------------
The dictionary is hashed in Python, which needs the number.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
A tensor with the values, indexed by the number; for functions, `torch.cond` or `torch.where`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.data-structure", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class DictionaryByValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.scales = {0: 0.5, 1: 2.0}

    def forward(self, x, kind):
        return x * self.scales[kind.item()]  # refused: MG-D102


def model():
    return DictionaryByValue()


def inputs():
    return call(torch.ones(3), torch.tensor(1))


def more_inputs():
    return [call(torch.ones(3), torch.tensor(0))]


class Table(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scales", torch.tensor([0.5, 2.0]))

    def forward(self, x, kind):
        return x * self.scales[kind]


def rewrite_table():
    return Table()


EXPECT = Expect(code="MG-D102")
