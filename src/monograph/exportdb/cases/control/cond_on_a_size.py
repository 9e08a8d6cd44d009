"""cond on a size that varies.

What it shows
-------------
`torch.cond(x.shape[0] > 4, ...)`.

Why it is hard
--------------
For the example the predicate is a plain bool.

What Monograph does
-------------------
With a size that varies both branches are in the graph, and the predicate is computed from the size
of the call.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.cond", "torch.dynamic-shape"))


class OnSize(nn.Module):
    def forward(self, x):
        return torch.cond(x.shape[0] > 4, lambda x: x.sum(0), lambda x: x.mean(0) * 0, (x,))


def model():
    return OnSize()


def inputs():
    return call(torch.ones(3, 2))


def more_inputs():
    return [call(torch.zeros(3, 2))]


def dynamic_shapes():
    return {"x": {0: Dim("n", min=1)}}


def more_sizes():
    return [call(torch.ones(n, 2)) for n in (1, 4, 5, 9)]
