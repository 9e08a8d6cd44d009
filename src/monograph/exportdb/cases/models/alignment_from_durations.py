"""An alignment matrix from durations.

What it shows
-------------
`cumsum` of durations against `arange(total)`, as in speech synthesis.

Why it is hard
--------------
The number of frames is the sum of the durations.

What Monograph does
-------------------
A symbol for the number of frames.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.sequence", "torch.dynamic-value"))


class Alignment(nn.Module):
    def forward(self, durations):
        ends = durations.cumsum(0)
        frames = torch.arange(ends[-1].item())
        starts = ends - durations
        return ((frames[:, None] >= starts) & (frames[:, None] < ends)).float()


def model():
    return Alignment()


def inputs():
    return call(torch.tensor([2, 1, 3]))


def more_inputs():
    return [call(torch.tensor([0, 0, 0])), call(torch.tensor([1, 5, 1]))]
