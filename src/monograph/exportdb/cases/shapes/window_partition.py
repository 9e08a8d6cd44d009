"""Windows of an image.

What it shows
-------------
The six-dimensional view of a Swin transformer, with a height and a width that are multiples of
four.

Why it is hard
--------------
Each division must be seen to be exact.

What Monograph does
-------------------
`4*h` and `4*w` say so; the view is exact for all of them.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.vision"))


class Windows(nn.Module):
    def forward(self, x):
        b, h, w, c = x.shape
        x = x.view(b, h // 4, 4, w // 4, 4, c)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, c).sum(1)


def model():
    return Windows()


def inputs():
    return call(torch.randn(2, 8, 12, 3))


def dynamic_shapes():
    return {"x": {0: Dim("batch"), 1: 4 * Dim("h", min=1), 2: 4 * Dim("w", min=1)}}


def more_sizes():
    return [call(torch.randn(b, h, w, 3)) for b, h, w in ((1, 4, 4), (3, 16, 8))]


def bad_sizes():
    return [call(torch.randn(2, 6, 12, 3))]
