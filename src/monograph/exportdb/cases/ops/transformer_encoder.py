"""torch's own transformer encoder.

What it shows
-------------
`nn.TransformerEncoderLayer` in evaluation mode, with its fast path.

Why it is hard
--------------
The layer asks a dozen questions to choose a fused kernel.

What Monograph does
-------------------
Captures what eager mode runs.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.attention", "torch.module"))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        return self.layer(x)


def model():
    return Encoder().eval()


def inputs():
    return call(torch.randn(2, 5, 8))


def dynamic_shapes():
    return {"x": {0: Dim("batch", min=1), 1: Dim("n", min=1)}}


def more_sizes():
    return [call(torch.randn(b, n, 8)) for b, n in ((1, 1), (3, 7))]
