"""A cache written at positions in a tensor.

What it shows
-------------
`self.cache[:, pos] = k`, with `pos` a tensor of positions.

Why it is hard
--------------
An indexed write into a buffer.

What Monograph does
-------------------
`index_put`, and the buffer's new content as an output.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.mutation", "model.cache"))


class Cache(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(1, 8, 2))

    def forward(self, k, pos):
        self.cache[:, pos] = k
        return self.cache.sum(1)


def model():
    return Cache()


def inputs():
    return call(torch.randn(1, 2, 2), torch.tensor([0, 1]))


def more_inputs():
    return [
        call(torch.randn(1, 2, 2), torch.tensor([2, 3])),
        call(torch.randn(1, 2, 2), torch.tensor([7, 0])),
    ]
