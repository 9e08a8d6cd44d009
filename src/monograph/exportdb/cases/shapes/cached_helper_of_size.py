"""A cached function of a size.

What it shows
-------------
`functools.lru_cache` on a helper that is called with `x.shape[1]`.

Why it is hard
--------------
The cache hashes its argument, and keeps what it returns from one call to the next.

What Monograph does
-------------------
Hashing asks for the number, which fixes the size: a declaration of more is refused, naming the
call. Strict mode as well.

Use instead
-----------
Call the function without its cache (`scale_of.__wrapped__`), or keep the cache for what is not a
size.
"""

import functools

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-shape", "python.builtin"), support=Support.UNSUPPORTED)


@functools.lru_cache
def scale_of(size):
    return size * 2


class CachedHelper(nn.Module):
    def forward(self, x):
        return x * scale_of(x.shape[1])  # refused: MG-S101


def model():
    return CachedHelper()


def inputs():
    return call(torch.randn(2, 4))


def more_inputs():
    return [call(torch.ones(2, 4))]


def dynamic_shapes():
    return {"x": {1: Dim("width")}}


def more_sizes():
    return [call(torch.randn(2, n)) for n in (1, 3, 9)]


class Uncached(nn.Module):
    def forward(self, x):
        return x * scale_of.__wrapped__(x.shape[1])


def rewrite_uncached():
    return Uncached()


EXPECT = Expect(code="MG-S101")
