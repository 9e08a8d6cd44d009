"""A method other than forward.

What it shows
-------------
`model.encode` is exported.

Why it is hard
--------------
Other exporters want an `nn.Module`; parameters belong to the method's object.

What Monograph does
-------------------
Finds the module behind the method: its parameters keep their names.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.module",))


class Coder(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 2)

    def encode(self, x):
        return self.lin(x).tanh()


def model():
    return Coder().encode


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
