"""Features of unequal length with their lengths.

What it shows
-------------
Values and lengths of several features in dictionaries, in and out.

Why it is hard
--------------
A container of containers with sizes that belong together.

What Monograph does
-------------------
Taken apart and put together; each tensor has its own size.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("model.sequence", "python.data-structure", "torch.dynamic-shape"))


class Jagged(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 2)

    def forward(self, features):
        found = {}
        for name, (values, lengths) in features.items():
            rows = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
            pooled = torch.zeros(len(lengths), 2).index_add(0, rows, self.table(values))
            found[name] = (pooled, lengths)
        return found


def model():
    return Jagged()


def inputs():
    return call(
        {
            "a": (torch.tensor([1, 2, 3]), torch.tensor([1, 2])),
            "b": (torch.tensor([4]), torch.tensor([0, 1])),
        }
    )


def more_inputs():
    return [
        call(
            {
                "a": (torch.tensor([7, 8, 9]), torch.tensor([3, 0])),
                "b": (torch.tensor([4]), torch.tensor([1, 0])),
            }
        )
    ]
