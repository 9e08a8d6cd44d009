"""A Python list indexed by a tensor.

What it shows
-------------
A tensor chooses one of several functions.

Why it is hard
--------------
Indexing a list needs a Python integer.

What Monograph does
-------------------
Refuses it in the default mode. In strict mode the choice among the functions becomes nested `cond`
nodes.

Use instead
-----------
Compute all and choose: `torch.stack([...])[kind]`; where that costs too much, nested `torch.cond`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("python.data-structure", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class ListByTensor(nn.Module):
    def forward(self, x, kind):
        functions = [torch.sin, torch.cos, torch.tanh]
        return functions[kind](x)  # refused: MG-D102


def model():
    return ListByTensor()


def inputs():
    return call(torch.randn(3), torch.tensor(2))


def more_inputs():
    return [call(torch.randn(3), torch.tensor(0)), call(torch.randn(3), torch.tensor(1))]


class Stack(nn.Module):
    def forward(self, x, kind):
        return torch.stack([torch.sin(x), torch.cos(x), torch.tanh(x)])[kind]


def rewrite_stack():
    return Stack()


EXPECT = Expect(code="MG-D102")
