"""A head chosen by a tensor.

What it shows
-------------
`self.heads[str(task.item())](x)`.

Why it is hard
--------------
A module is looked up by a number in a tensor, through text.

What Monograph does
-------------------
Refuses it: the text of a number that is not known cannot steer a program.

Use instead
-----------
Stack the weights and index them, or compute all heads and choose.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.module", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class Tasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"0": nn.Linear(3, 2), "1": nn.Linear(3, 2)})

    def forward(self, x, task):
        return self.heads[str(task.item())](x)  # refused: MG-D102


def model():
    return Tasks()


def inputs():
    return call(torch.randn(4, 3), torch.tensor(1))


def more_inputs():
    return [call(torch.randn(4, 3), torch.tensor(0))]


class AllTasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.ModuleDict({"0": nn.Linear(3, 2), "1": nn.Linear(3, 2)})

    def forward(self, x, task):
        return torch.stack([head(x) for head in self.heads.values()])[task]


def rewrite_stack():
    return AllTasks()


EXPECT = Expect(code="MG-D102")
