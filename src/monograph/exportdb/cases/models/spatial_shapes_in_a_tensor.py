"""Levels of an image whose sizes are in a tensor.

What it shows
-------------
Deformable attention: `for h, w in spatial_shapes.tolist():` splits a sequence into images.

Why it is hard
--------------
Sizes of views are numbers in a tensor.

What Monograph does
-------------------
One symbol for each number; that the parts add up is asserted when the program runs.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.detection", "torch.dynamic-value"))


class Levels(nn.Module):
    def forward(self, x, shapes):
        found, start = [], 0
        for h, w in shapes.tolist():
            found.append(x[start : start + h * w].view(h, w, -1).mean((0, 1)))
            start = start + h * w
        return torch.stack(found)


def model():
    return Levels()


def inputs():
    return call(torch.randn(10, 3), torch.tensor([[2, 3], [2, 2]]))


def more_inputs():
    return [call(torch.randn(10, 3), torch.tensor([[3, 2], [1, 4]]))]
