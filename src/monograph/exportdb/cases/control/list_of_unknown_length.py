"""A list of unknown length of things that are no tensors.

What it shows
-------------
Strings are appended to a list under a condition on data.

Why it is hard
--------------
Such a list is kept as a tensor whose rows are its items.

What Monograph does
-------------------
Refuses it: in strict mode with the items that cannot be stacked.

Use instead
-----------
Append tensors, or count.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("python.data-structure", "torch.dynamic-value"), support=Support.UNSUPPORTED)


class Labels(nn.Module):
    def forward(self, x):
        found = []
        for row in x:
            if row.sum() > 0:  # refused: MG-D101, refused: MG-C114
                found.append("large")
        return x * len(found)


def model():
    return Labels()


def inputs():
    return call(torch.ones(2, 3))


def more_inputs():
    return [call(-torch.ones(2, 3))]


class Counts(nn.Module):
    def forward(self, x):
        return x * (x.sum(1) > 0).sum()


def rewrite_count():
    return Counts()


EXPECT = Expect(code="MG-D101", strict_code="MG-C114")
