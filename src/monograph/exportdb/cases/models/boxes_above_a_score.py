"""The boxes above a score, at most k.

What it shows
-------------
A mask, the sorted survivors, and the first k of them.

Why it is hard
--------------
The number of survivors depends on data, and may be less than k.

What Monograph does
-------------------
The slice is as long as there are survivors, and at most k.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.detection", "torch.dynamic-value"))


class AboveScore(nn.Module):
    def forward(self, boxes, scores):
        keep = scores > 0.5
        boxes, scores = boxes[keep], scores[keep]
        order = scores.argsort(descending=True)[:3]
        return boxes[order], scores[order]


def model():
    return AboveScore()


def inputs():
    return call(torch.rand(6, 4), torch.tensor([0.9, 0.1, 0.8, 0.6, 0.7, 0.2]))


def more_inputs():
    return [
        call(torch.rand(6, 4), torch.zeros(6)),
        call(torch.rand(6, 4), torch.tensor([0.9, 0.1, 0.2, 0.3, 0.1, 0.0])),
    ]
