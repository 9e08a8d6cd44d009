"""An input dictionary with keys that are not used.

What it shows
-------------
The program reads one entry of a dictionary of tensors.

Why it is hard
--------------
The other entries are inputs all the same.

What Monograph does
-------------------
Part of the input structure: they must be there, and are ignored.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.data-structure",))


class OneKey(nn.Module):
    def forward(self, batch):
        return batch["x"] + 1


def model():
    return OneKey()


def inputs():
    return call({"x": torch.randn(3), "label": torch.tensor(1), "name": "first"})


def more_inputs():
    return [call({"x": torch.zeros(3), "label": torch.tensor(2), "name": "first"})]
