"""A custom operator that writes its argument.

What it shows
-------------
`mutates_args=("x",)` and no result.

Why it is hard
--------------
No operator of an exported program writes its arguments.

What Monograph does
-------------------
Wraps it into an operator that returns what it would have written.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.custom-operator", "torch.mutation"))


@torch.library.custom_op("exportdb::increment", mutates_args=("x",))
def increment(x: torch.Tensor, by: float) -> None:
    x.add_(by)


class Writes(nn.Module):
    def forward(self, x):
        y = x.clone()
        increment(y, 2.0)
        return y * 2


def model():
    return Writes()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]
