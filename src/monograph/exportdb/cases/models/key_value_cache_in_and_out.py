"""A key-value cache that goes in and comes out.

What it shows
-------------
Keys and values of the past are arguments, those with the new token are results; past and new
lengths vary.

Why it is hard
--------------
Two sizes that vary are added in a concatenation.

What Monograph does
-------------------
The sum is a size like any other.

See also
--------
cache_object_in_and_out
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.cache", "torch.attention", "torch.dynamic-shape"))


class WithPast(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(4, 12)

    def forward(self, x, past):
        q, k, v = self.qkv(x).chunk(3, -1)
        k = torch.cat([past["k"], k], 1)
        v = torch.cat([past["v"], v], 1)
        return F.scaled_dot_product_attention(q, k, v), {"k": k, "v": v}


def model():
    return WithPast()


def inputs():
    return call(torch.randn(1, 2, 4), {"k": torch.randn(1, 3, 4), "v": torch.randn(1, 3, 4)})


def dynamic_shapes():
    return (lambda p: {"x": {1: Dim("n")}, "past": {"k": {1: p}, "v": {1: p}}})(Dim("past"))


def more_sizes():
    return [
        call(torch.randn(1, n, 4), {"k": torch.randn(1, p, 4), "v": torch.randn(1, p, 4)})
        for n, p in ((1, 0), (1, 1), (1, 9), (4, 2))
    ]
