"""A buffer that is written at another buffer's position.

What it shows
-------------
`self.cache[self.position] = x`, then `self.position += 1`.

Why it is hard
--------------
The index is state: a number in a buffer, which changes at every call.

What Monograph does
-------------------
The number is read when the program runs, in the order of the program's reads and writes.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "model.cache", "torch.dynamic-value"))


class Position(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("position", torch.tensor(0))
        self.register_buffer("cache", torch.zeros(4, 3))

    def forward(self, x):
        self.cache[self.position] = x
        self.position += 1
        return self.cache[: self.position].sum(0)


def model():
    return Position()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.randn(3)), call(torch.randn(3)), call(torch.randn(3))]
