"""Patches of an image, and a class token.

What it shows
-------------
A strided convolution, `flatten`, `torch.cat` with an expanded token, and interpolated positions.

Why it is hard
--------------
The number of patches is a product of quotients.

What Monograph does
-------------------
Exact, for every image whose sides are multiples of the patch.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.vision", "torch.dynamic-shape"))


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Conv2d(3, 4, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, 4))

    def forward(self, x):
        x = self.proj(x).flatten(2).transpose(1, 2)
        return torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1).mean(1)


def model():
    return Patches()


def inputs():
    return call(torch.randn(2, 3, 8, 12))


def dynamic_shapes():
    return {"x": {0: Dim("batch", min=1), 2: 4 * Dim("h", min=1), 3: 4 * Dim("w", min=1)}}


def more_sizes():
    return [call(torch.randn(b, 3, h, w)) for b, h, w in ((1, 4, 4), (3, 16, 8))]
