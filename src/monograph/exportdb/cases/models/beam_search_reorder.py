"""A cache that is reordered between steps.

What it shows
-------------
Beam search picks the surviving beams with `index_select` on every layer's cache.

Why it is hard
--------------
A nest of lists and tuples of tensors goes in and comes out.

What Monograph does
-------------------
Containers are taken apart and put together.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.cache", "python.data-structure"))


class Reorder(nn.Module):
    def forward(self, cache, scores):
        best = scores.flatten().topk(2).indices
        beams = best // scores.shape[1]
        cache = [(k.index_select(0, beams), v.index_select(0, beams)) for k, v in cache]
        return cache, best % scores.shape[1]


def model():
    return Reorder()


def inputs():
    return call([(torch.randn(2, 3), torch.randn(2, 3)) for _ in range(2)], torch.randn(2, 5))


def more_inputs():
    return [call([(torch.randn(2, 3), torch.randn(2, 3)) for _ in range(2)], torch.randn(2, 5))]
