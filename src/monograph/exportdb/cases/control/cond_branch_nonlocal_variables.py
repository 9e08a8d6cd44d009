"""Branches that use variables of the function around them.

What it shows
-------------
A tensor and a number that were computed before are used inside the branches.

What Monograph does
-------------------
The tensor becomes an operand of the `cond` node, the number a constant of the branch.
A size decides: for the example it is a plain number, so one branch is captured, and the predicate
is listed in `ep.assumptions`. With a size that varies both branches are in the graph.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.cond", "torch.dynamic-shape", "python.closure"))


class CondBranchNonlocalVariables(nn.Module):
    def forward(self, x):
        shifted, number = x + 100, 3.14

        def added(y):
            return y + shifted + number

        def subtracted(y):
            return y - shifted - number

        return torch.cond(x.shape[0] > 5, added, subtracted, [x])


def model():
    return CondBranchNonlocalVariables()


def inputs():
    return call(torch.randn(6))


def more_inputs():
    return [call(torch.zeros(6))]


EXPECT = Expect(operators=("add", "add", "add"), assumptions=("constant-predicate",))


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n)) for n in (1, 5, 6, 9)]
