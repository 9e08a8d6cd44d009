"""Branches that call functions of their own.

What it shows
-------------
The branches of `cond` define functions that close over the branch's operand.

What Monograph does
-------------------
A size decides: for the example it is a plain number, so one branch is captured, and the predicate
is listed in `ep.assumptions`. With a size that varies both branches are in the graph.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.cond", "torch.dynamic-shape", "python.closure"))


class CondBranchNestedFunction(nn.Module):
    def forward(self, x):
        def added(x):
            def inner(y):
                return x + y

            return inner(x)

        def subtracted(x):
            def inner(y):
                return x - y

            return inner(x)

        return torch.cond(x.shape[0] < 10, added, subtracted, [x])


def model():
    return CondBranchNestedFunction()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]


EXPECT = Expect(operators=("add",), assumptions=("constant-predicate",))


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n)) for n in (1, 9, 10, 11)]
