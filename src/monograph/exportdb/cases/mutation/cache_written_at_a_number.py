"""A cache written at a position in a tensor.

What it shows
-------------
`self.cache[:, p : p + 1] = k` with `p = pos.item()`.

Why it is hard
--------------
Where the write goes is only known when the program runs, and the buffer keeps it.

What Monograph does
-------------------
A `slice_scatter` at a symbol; the new content of the buffer is an output, written back at every
call.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "model.cache", "torch.dynamic-value"))


class Cache(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(1, 8, 2))

    def forward(self, k, pos):
        p = pos.item()
        self.cache[:, p : p + 1] = k
        return self.cache.sum(1)


def model():
    return Cache()


def inputs():
    return call(torch.randn(1, 1, 2), torch.tensor(0))


def more_inputs():
    return [
        call(torch.randn(1, 1, 2), torch.tensor(1)),
        call(torch.randn(1, 1, 2), torch.tensor(7)),
    ]
