"""A dataclass as the result.

What it shows
-------------
The program returns a dataclass of tensors.

Why it is hard
--------------
The result is a flat list of tensors in the graph.

What Monograph does
-------------------
The call returns an object of the class.
"""

from dataclasses import dataclass

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


@dataclass
class Scores:
    logits: torch.Tensor
    best: torch.Tensor


class DataclassOutput(nn.Module):
    def forward(self, x):
        return Scores(x * 2, x.argmax(-1))


def model():
    return DataclassOutput()


def inputs():
    return call(torch.randn(2, 3))


def more_inputs():
    return [call(torch.zeros(2, 3))]
