"""Two sizes of which one is the smaller.

What it shows
-------------
A cache is at least as long as what is written: `cache[:n] + x`.

Why it is hard
--------------
That the slice is as long as x follows only where n is not larger than the cache.

What Monograph does
-------------------
An assertion in the program, `torch._check`, says so; other sizes are refused at the call.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "torch.escape-hatch"))


class Ordered(nn.Module):
    def forward(self, cache, x):
        torch._check(x.shape[0] <= cache.shape[0])
        return cache[: x.shape[0]] + x


def model():
    return Ordered()


def inputs():
    return call(torch.randn(8), torch.randn(3))


def dynamic_shapes():
    return {"cache": {0: Dim("total")}, "x": {0: Dim("n")}}


def more_sizes():
    return [call(torch.randn(a), torch.randn(b)) for a, b in ((1, 1), (5, 0), (9, 9))]


def bad_sizes():
    return [call(torch.randn(2), torch.randn(3))]
