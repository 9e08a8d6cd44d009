"""einsum over sizes that vary.

What it shows
-------------
`torch.einsum("bhqd,bhkd->bhqk", q, k)`.

Why it is hard
--------------
The equation decides which sizes must agree.

What Monograph does
-------------------
Captures it for all sizes that fit.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.operator", "torch.dynamic-shape"))


class Scores(nn.Module):
    def forward(self, q, k):
        return torch.einsum("bhqd,bhkd->bhqk", q, k).softmax(-1)


def model():
    return Scores()


def inputs():
    return call(torch.randn(1, 2, 3, 4), torch.randn(1, 2, 5, 4))


def dynamic_shapes():
    return {"q": {2: Dim("q", min=1)}, "k": {2: Dim("k", min=1)}}


def more_sizes():
    return [call(torch.randn(1, 2, a, 4), torch.randn(1, 2, b, 4)) for a, b in ((1, 1), (7, 2))]
