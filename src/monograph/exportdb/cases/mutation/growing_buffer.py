"""A buffer that grows.

What it shows
-------------
`self.cache = torch.cat([self.cache, x])`.

Why it is hard
--------------
After each call the state has another size.

What Monograph does
-------------------
Refuses it: a program's buffers keep one shape, so that it can be called again.

Use instead
-----------
A buffer of the largest size and a position, or the cache as an argument and a result.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.mutation", "model.cache"), support=Support.UNSUPPORTED)


class Growing(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(1, 3))

    def forward(self, x):
        self.cache = torch.cat([self.cache, x])  # refused: MG-M103
        return self.cache.sum(0)


def model():
    return Growing()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.randn(2, 3))]


class Preallocated(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(9, 3))
        self.register_buffer("used", torch.tensor(1))

    def forward(self, x):
        rows = self.used + torch.arange(x.shape[0])
        self.cache[rows] = x
        self.used += x.shape[0]
        return self.cache.sum(0)


def rewrite_preallocated():
    return Preallocated()


EXPECT = Expect(code="MG-M103")
