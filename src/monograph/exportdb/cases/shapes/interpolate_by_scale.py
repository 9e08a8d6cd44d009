"""An image scaled by a factor.

What it shows
-------------
`F.interpolate(x, scale_factor=2.0)` with sizes that vary.

Why it is hard
--------------
The new size is a floor of a product in floating point.

What Monograph does
-------------------
Computed exactly as torch does, for every size.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.vision"))


class Scaled(nn.Module):
    def forward(self, x):
        return F.interpolate(x, scale_factor=1.5, mode="nearest")


def model():
    return Scaled()


def inputs():
    return call(torch.randn(1, 3, 4, 6))


def dynamic_shapes():
    return {"x": {2: Dim("h", min=1), 3: Dim("w", min=1)}}


def more_sizes():
    return [call(torch.randn(1, 3, h, w)) for h, w in ((1, 1), (5, 7))]
