"""Lists of proposals of unequal length.

What it shows
-------------
Detection: a list with one tensor of boxes for each image.

Why it is hard
--------------
The number of boxes differs from image to image.

What Monograph does
-------------------
Each tensor has a size of its own, which may vary.

Limits
------
`len(b)` instead of `b.shape[0]` fixes the size: Python wants an integer there.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.detection", "python.data-structure", "torch.dynamic-shape"))


class Proposals(nn.Module):
    def forward(self, boxes):
        areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in boxes]
        return torch.cat(areas), [b.shape[0] for b in boxes]


def model():
    return Proposals()


def inputs():
    return call([torch.rand(3, 4), torch.rand(5, 4)])


def dynamic_shapes():
    return {"boxes": [{0: Dim("first")}, {0: Dim("second")}]}


def more_sizes():
    return [call([torch.rand(a, 4), torch.rand(b, 4)]) for a, b in ((0, 1), (1, 0), (7, 2))]
