"""An LSTM over a time axis that varies.

What it shows
-------------
`nn.LSTM` with a declared length.

Why it is hard
--------------
The recurrent kernels are written for a fixed number of steps, and tracers unroll them.

What Monograph does
-------------------
Captures the layer as one operator whose output follows the length.
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "model.sequence"))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0]


def model():
    return Recurrent()


def inputs():
    return call(torch.randn(2, 5, 3))


def dynamic_shapes():
    return {"x": {0: Dim("batch", min=1), 1: Dim("time", min=1)}}


def more_sizes():
    return [call(torch.randn(b, n, 3)) for b, n in ((1, 1), (2, 3), (4, 9))]
