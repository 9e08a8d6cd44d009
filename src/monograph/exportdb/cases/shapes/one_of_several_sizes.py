"""A size out of a set.

What it shows
-------------
An image of 224, 256 or 384 pixels, and a table of weights for each.

Why it is hard
--------------
A range says too much: only three sizes are meant.

What Monograph does
-------------------
`Dim("side", values=(224, 256, 384))` declares the set; other sizes are refused at the call.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.vision"))


class OfASet(nn.Module):
    def forward(self, x):
        return x.unfold(1, 32, 32).sum(-1)


def model():
    return OfASet()


def inputs():
    return call(torch.randn(2, 224))


def dynamic_shapes():
    return {"x": {1: Dim("side", values=(224, 256, 384))}}


def more_sizes():
    return [call(torch.randn(2, n)) for n in (224, 256, 384)]


def bad_sizes():
    return [call(torch.randn(2, 288))]
