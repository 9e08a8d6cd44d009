"""The operands of a branch.

What it shows
-------------
Operands are passed to both branches. Anything nested may be passed, tensors or not.

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


class CondOperands(nn.Module):
    def forward(self, x, y):
        def added(x, y):
            return x + y

        def subtracted(x, y):
            return x - y

        return torch.cond(x.shape[0] > 2, added, subtracted, [x, y])


def model():
    return CondOperands()


def inputs():
    return call(torch.randn(3, 2), torch.randn(2))


def more_inputs():
    return [call(torch.ones(3, 2), torch.ones(2))]


EXPECT = Expect(operators=("add",), assumptions=("constant-predicate",))


def dynamic_shapes():
    return {"x": {0: Dim("n")}, "y": None}


def more_sizes():
    return [call(torch.randn(n, 2), torch.randn(2)) for n in (1, 2, 3, 8)]
