"""A branch on the value of a tensor, closed over another.

What it shows
-------------
The predicate is a tensor; the branches ignore their operand and use a tensor of the caller.

What Monograph does
-------------------
Both branches become subgraphs. What they read are the operands, what they do not read is none.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.cond", "python.closure"))


class CondClosedOverVariable(nn.Module):
    def forward(self, pred, x):
        def doubled(val):
            return x * 2

        def reduced(val):
            return x - 2

        return torch.cond(pred, doubled, reduced, [x + 1])


def model():
    return CondClosedOverVariable()


def inputs():
    return call(torch.tensor(True), torch.randn(3, 2))


def more_inputs():
    return [call(torch.tensor(False), torch.ones(3, 2))]


EXPECT = Expect(operators=(), assumptions=())
