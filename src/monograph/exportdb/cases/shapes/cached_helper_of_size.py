"""A cached function of a size.

What it shows
-------------
`functools.lru_cache` on a helper that is called with `x.shape[1]`.

Why it is hard
--------------
The cache hashes its argument, and keeps what it returns from one call to the next.

What Monograph does
-------------------
Calls the function itself, without its cache, where an argument is a size that varies: any width is
covered, and the cache gets no symbols. Strict mode as well.

Limits
------
A cache that the program keeps in a dictionary of its own (`if n not in self.cache:`) needs the
number as a key, which fixes the size.
"""

import functools

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-shape", "python.builtin"), support=Support.SUPPORTED)


@functools.lru_cache
def scale_of(size):
    return size * 2


class CachedHelper(nn.Module):
    def forward(self, x):
        return x * scale_of(x.shape[1])


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


EXPECT = Expect(operators=("mul",))
