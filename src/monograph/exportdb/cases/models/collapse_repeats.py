"""Repeated symbols collapsed.

What it shows
-------------
`unique_consecutive`, then the blanks are removed, as in CTC decoding.

Why it is hard
--------------
Two sizes that depend on data, one after the other.

What Monograph does
-------------------
A symbol for each.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.sequence", "torch.dynamic-value"))


class Collapse(nn.Module):
    def forward(self, scores):
        best = torch.unique_consecutive(scores.argmax(-1))
        return best[best != 0]


def model():
    return Collapse()


def inputs():
    return call(torch.randn(6, 4))


def more_inputs():
    return [call(torch.zeros(6, 4)), call(torch.randn(6, 4))]
