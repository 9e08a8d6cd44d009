"""`pytree.tree_flatten` inside the program.

What it shows
-------------
The program itself flattens a nested argument.

Why it is hard
--------------
The functions of `torch.utils._pytree` walk Python containers.

What Monograph does
-------------------
Runs them; the leaves are the inputs of the graph. Which leaf comes first follows from the order of
the dictionary's keys, so callers must keep it: the assumptions say so.
"""

import torch
from torch import nn
from torch.utils import _pytree as pytree

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("python.data-structure",))


class PytreeFlatten(nn.Module):
    def forward(self, x):
        y, _spec = pytree.tree_flatten(x)
        return y[0] + 1


def model():
    return PytreeFlatten()


def inputs():
    return call({1: torch.randn(3, 2), 2: torch.randn(3, 2)})


EXPECT = Expect(
    operators=("add",),
    inputs=("USER_INPUT", "USER_INPUT"),
    outputs=("USER_OUTPUT",),
    assumptions=("key-order",),
)
