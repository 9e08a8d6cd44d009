"""Padding to a multiple.

What it shows
-------------
`F.pad(x, (0, -n % 8))` and a view into blocks of 8.

Why it is hard
--------------
That the padded size is a multiple of 8 must follow from arithmetic with remainders.

What Monograph does
-------------------
Sizes are integers with exact division: the view is right for every size.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.vision"))


class PadToMultiple(nn.Module):
    def forward(self, x):
        x = F.pad(x, (0, (-x.shape[1]) % 8))
        return x.view(x.shape[0], -1, 8).sum(-1)


def model():
    return PadToMultiple()


def inputs():
    return call(torch.randn(2, 5))


def dynamic_shapes():
    return {"x": {1: Dim("length", min=1)}}


def more_sizes():
    return [call(torch.randn(2, n)) for n in (1, 7, 8, 9, 16)]
