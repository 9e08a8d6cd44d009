"""A hook after a layer's forward.

What it shows
-------------
`register_forward_hook` changes the result of a layer.

Why it is hard
--------------
The hook is code of the user's between two modules.

What Monograph does
-------------------
Runs it as eager mode does; nodes name its line.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class HookedLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.lin.register_forward_hook(self.after)

    @staticmethod
    def after(module, args, result):
        return result * 2 + args[0]

    def forward(self, x):
        return self.lin(x)


def model():
    return HookedLayer()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
