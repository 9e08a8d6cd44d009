"""A custom operator with a fake implementation.

What it shows
-------------
`register_fake` says what the result looks like.

Why it is hard
--------------
The operator runs code that no exporter can see.

What Monograph does
-------------------
One node; sizes that vary flow through the fake implementation.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.custom-operator",))


@torch.library.custom_op("exportdb::rolled", mutates_args=())
def rolled(x: torch.Tensor, by: int) -> torch.Tensor:
    return torch.roll(x, by)


@rolled.register_fake
def _(x, by):
    return torch.empty_like(x)


class WithFake(nn.Module):
    def forward(self, x):
        return rolled(x, 1) * 2


def model():
    return WithFake()


def inputs():
    return call(torch.randn(3))


def dynamic_shapes():
    return {"x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(n)) for n in (1, 4)]
