"""What a branch may depend on.

What it shows
-------------
The predicate combines a number of dimensions with a size.

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


class CondPredicate(nn.Module):
    def forward(self, x):
        wanted = x.dim() > 2 and x.shape[2] > 10
        return torch.cond(wanted, lambda x: x.cos(), lambda y: y.sin(), [x])


def model():
    return CondPredicate()


def inputs():
    return call(torch.randn(6, 4, 3))


def more_inputs():
    return [call(torch.zeros(6, 4, 3))]


EXPECT = Expect(operators=("sin",), assumptions=("constant-predicate",))


def dynamic_shapes():
    return {"x": {2: Dim("n")}}


def more_sizes():
    return [call(torch.randn(6, 4, n)) for n in (1, 10, 11, 20)]
