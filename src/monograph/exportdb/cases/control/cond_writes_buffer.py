"""A branch that writes a buffer.

What it shows
-------------
One branch counts its calls in a buffer, and returns its operand as it is.

What Monograph does
-------------------
The write becomes a result of the `cond` node that is written back; the other branch returns the
buffer unchanged. The operand that is returned is copied.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.cond", "torch.mutation"))


class CondWritesBuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        def counted(x):
            self.calls.add_(1)
            return x

        return torch.cond(x.sum() > 0, counted, lambda x: x * 2, [x])


def model():
    return CondWritesBuffer()


def inputs():
    return call(torch.ones(3))


def more_inputs():
    return [call(-torch.ones(3)), call(torch.ones(3))]


EXPECT = Expect(operators=("sum", "gt"), assumptions=())
