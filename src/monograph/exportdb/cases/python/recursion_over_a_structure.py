"""A recursive function over nested containers.

What it shows
-------------
Every tensor in a nest of lists and dictionaries is doubled.

Why it is hard
--------------
The depth is that of the example.

What Monograph does
-------------------
Runs it as Python does.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow", "python.data-structure"))


def doubled(item):
    if isinstance(item, dict):
        return {key: doubled(value) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return type(item)(doubled(value) for value in item)
    return item * 2


class Recursive(nn.Module):
    def forward(self, nest):
        return doubled(nest)


def model():
    return Recursive()


def inputs():
    return call({"a": [torch.randn(2), (torch.randn(3),)], "b": torch.randn(1)})


def more_inputs():
    return [call({"a": [torch.zeros(2), (torch.ones(3),)], "b": torch.zeros(1)})]
