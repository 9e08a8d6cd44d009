"""A dataclass as an input.

What it shows
-------------
Two tensors in a dataclass that nobody has registered.

Why it is hard
--------------
Inputs become a flat list of tensors, so the class must be taken apart and put together.

What Monograph does
-------------------
Takes dataclasses apart by their fields, without registration.
"""

from dataclasses import dataclass

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


@dataclass
class Pair:
    left: torch.Tensor
    right: torch.Tensor


class DataclassInput(nn.Module):
    def forward(self, pair):
        return pair.left + pair.right * 2


def model():
    return DataclassInput()


def inputs():
    return call(Pair(torch.randn(3), torch.randn(3)))


def more_inputs():
    return [call(Pair(torch.ones(3), torch.zeros(3)))]
