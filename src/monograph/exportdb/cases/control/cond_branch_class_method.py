"""Branches that are methods.

What it shows
-------------
`cond` is called with methods, one of them of a submodule.

What Monograph does
-------------------
A size decides: for the example it is a plain number, so one branch is captured, and the predicate
is listed in `ep.assumptions`. With a size that varies both branches are in the graph.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.cond", "torch.dynamic-shape"))


class Inner(nn.Module):
    def wave(self, x):
        return x.cos()

    def forward(self, x):
        return self.wave(x)


class CondBranchClassMethod(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()

    def other(self, x):
        return x.sin()

    def forward(self, x):
        return torch.cond(x.shape[0] <= 2, self.inner.forward, self.other, [x])


def model():
    return CondBranchClassMethod()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]


EXPECT = Expect(operators=("sin",), assumptions=("constant-predicate",))


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n)) for n in (1, 2, 3, 7)]
