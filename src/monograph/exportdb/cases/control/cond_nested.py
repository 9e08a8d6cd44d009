"""cond inside cond.

What it shows
-------------
A `cond` inside the branch of another.

Why it is hard
--------------
What the inner branches use comes from two functions further out, and must be handed in through
both.

What Monograph does
-------------------
Captures each branch as a graph inside the graph, with what it uses as operands; sizes and facts
of the outer branch hold in the inner one.

See also
--------
cond_closed_over_variable, branch_on_value
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond",))


class NestedCond(nn.Module):
    def forward(self, x):
        def positive(x):
            return torch.cond(x.max() > 2, lambda x: x / 2, lambda x: x * 2, (x,))

        return torch.cond(x.sum() > 0, positive, torch.neg, (x,))


def model():
    return NestedCond()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.full((3,), 5.0)), call(-torch.ones(3))]
