"""A hook that changes keyword arguments.

What it shows
-------------
`register_forward_pre_hook(..., with_kwargs=True)`.

Why it is hard
--------------
The layer is called with other arguments than those written.

What Monograph does
-------------------
Runs it as eager mode does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class Scale(nn.Module):
    def forward(self, x, by=1.0):
        return x * by


class PreHooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = Scale()
        self.scale.register_forward_pre_hook(
            lambda module, args, kwargs: (args, {**kwargs, "by": 3.0}), with_kwargs=True
        )

    def forward(self, x):
        return self.scale(x, by=2.0)


def model():
    return PreHooked()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.ones(3))]
