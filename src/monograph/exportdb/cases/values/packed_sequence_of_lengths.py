"""A packed sequence of unsorted lengths.

What it shows
-------------
`pack_padded_sequence` with lengths in a tensor, a recurrent layer over it, and
`pad_packed_sequence`.

Why it is hard
--------------
How many rows the packed data has is the sum of the lengths, and how many steps it has is the
longest of them; the layer reads how many rows each step has from a tensor.

What Monograph does
-------------------
Packing, the layer and padding stay one operator each. The sum and the longest length are symbols;
the rows of the first step are all rows of the batch.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "model.sequence"))


class PackedSequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(3, 4, batch_first=True)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        found, last = self.layer(packed)
        return nn.utils.rnn.pad_packed_sequence(found, batch_first=True)[0], last


def model():
    return PackedSequence()


def inputs():
    return call(torch.randn(2, 4, 3), torch.tensor([2, 4]))


def more_inputs():
    return [
        call(torch.randn(2, 4, 3), torch.tensor([1, 3])),
        call(torch.randn(2, 4, 3), torch.tensor([1, 1])),
    ]


def bad_inputs():
    return [call(torch.randn(2, 4, 3), torch.tensor([0, 3]))]
