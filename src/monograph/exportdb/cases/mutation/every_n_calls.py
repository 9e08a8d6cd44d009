"""State that is updated every n calls.

What it shows
-------------
`if self.steps % 2 == 0:` updates an average.

Why it is hard
--------------
The branch depends on a buffer.

What Monograph does
-------------------
Refuses it in the default mode; strict mode captures the branch, with its write to the buffer.

Use instead
-----------
`torch.where(self.steps % 2 == 0, new, old)` and a write at every call.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.mutation", "torch.cond", "python.control-flow"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class EveryTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        if self.steps % 2 == 0:  # refused: MG-D101
            self.mean.lerp_(x.mean(), 0.5)
        self.steps += 1
        return x - self.mean


def model():
    return EveryTwo()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(torch.ones(3) * 2), call(torch.ones(3) * 3)]


class Where(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        new = self.mean.lerp(x.mean(), 0.5)
        self.mean.copy_(torch.where(self.steps % 2 == 0, new, self.mean))
        self.steps += 1
        return x - self.mean


def rewrite_where():
    return Where()


EXPECT = Expect(code="MG-D101")
