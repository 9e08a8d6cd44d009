"""Rows repeated by durations.

What it shows
-------------
The length regulator of speech synthesis: `repeat_interleave` with a tensor of counts.

Why it is hard
--------------
The length of the result is the sum of the counts.

What Monograph does
-------------------
The length becomes a symbol.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "model.sequence"))


class RepeatByDurations(nn.Module):
    def forward(self, x, durations):
        return torch.repeat_interleave(x, durations, dim=0) * 2


def model():
    return RepeatByDurations()


def inputs():
    return call(torch.randn(3, 4), torch.tensor([2, 1, 3]))


def more_inputs():
    return [
        call(torch.randn(3, 4), torch.tensor([0, 0, 1])),
        call(torch.randn(3, 4), torch.tensor([0, 0, 0])),
    ]
