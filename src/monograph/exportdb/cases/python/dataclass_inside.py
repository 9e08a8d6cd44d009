"""A dataclass used inside.

What it shows
-------------
Intermediate results travel in a dataclass.

Why it is hard
--------------
None of it is an operator.

What Monograph does
-------------------
Python objects that only carry tensors leave no trace.
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


@dataclass(frozen=True)
class State:
    x: torch.Tensor
    scale: float = 1.0


class DataclassInside(nn.Module):
    def forward(self, x):
        state = State(x)
        state = replace(state, x=state.x + 1, scale=2.0)
        return state.x * state.scale


def model():
    return DataclassInside()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
