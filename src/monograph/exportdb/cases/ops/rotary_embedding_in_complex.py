"""Rotary embeddings as complex numbers.

What it shows
-------------
`torch.view_as_complex`, a product with `torch.polar`, and back.

Why it is hard
--------------
Views that change the dtype.

What Monograph does
-------------------
Captures them as views.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dtype", "model.sequence"))


class Rotary(nn.Module):
    def forward(self, x):
        n, d = x.shape[-2:]
        angles = torch.arange(n)[:, None] * torch.arange(d // 2) * 0.1
        turned = torch.view_as_complex(x.unflatten(-1, (d // 2, 2)))
        turned = turned * torch.polar(torch.ones_like(angles), angles)
        return torch.view_as_real(turned).flatten(-2)


def model():
    return Rotary()


def inputs():
    return call(torch.randn(2, 5, 4))


def dynamic_shapes():
    return {"x": {1: Dim("n", min=1)}}


def more_sizes():
    return [call(torch.randn(2, n, 4)) for n in (1, 7)]
