"""A decomposition with another result.

What it shows
-------------
A table of decompositions replaces an operator by one whose result has another shape.

Why it is hard
--------------
What uses the result was captured for the operator's own shape and dtype.

What Monograph does
-------------------
Compares what each replacement promises with what the operator promised, and refuses what differs,
naming the operator and both results.

Use instead
-----------
Correct the rule; let it return `NotImplemented` for calls that it does not cover; or leave the
operator whole: `del table[op]`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.operator",))


class Relu(nn.Module):
    def forward(self, x):
        return x.relu() + 1


def model():
    return Relu()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(-torch.ones(3))]


def use(program):
    program.run_decompositions({torch.ops.aten.relu.default: lambda x: x.sum()})


EXPECT = Expect(code="MG-O102")
