"""None from one branch.

What it shows
-------------
One branch returns a tensor, the other None.

Why it is hard
--------------
Whether there is a tensor is only known when the program runs.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Return a tensor of zeros and a flag.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.cond",), support=Support.UNSUPPORTED)


class MaybeNone(nn.Module):
    def forward(self, x):
        y = torch.cond(x.sum() > 0, lambda: x * 2, lambda: None)  # refused: MG-C103
        return x if y is None else y


def model():
    return MaybeNone()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3))]


class AlwaysTensor(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda: x * 2, lambda: x * 1)


def rewrite_tensor():
    return AlwaysTensor()


EXPECT = Expect(code="MG-C103")
