"""A program that is switched to another mode.

What it shows
-------------
`program.module().eval()` of a program that was captured in training mode.

Why it is hard
--------------
Dropout and batch norm were captured as they were.

What Monograph does
-------------------
Refuses the call, and says in which mode the program was captured.

Use instead
-----------
Export once in each mode (`export_methods({"train": model, "eval": model})`).
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.module",))


class Dropping(nn.Module):
    def forward(self, x):
        return F.dropout(x, 0.5, self.training)


def model():
    return Dropping().train()


def inputs():
    return call(torch.ones(8))


def more_inputs():
    return [call(torch.zeros(8))]


def use(program):
    program.module().eval()(torch.ones(8))


EXPECT = Expect(code="MG-I105")
