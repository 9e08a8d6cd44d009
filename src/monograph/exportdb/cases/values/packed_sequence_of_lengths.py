"""A packed sequence of unsorted lengths.

What it shows
-------------
`pack_padded_sequence` with lengths in a tensor, as recurrent networks are fed.

Why it is hard
--------------
How many rows the packed data has is the sum of the lengths; the operator does not say so.

What Monograph does
-------------------
Refuses it: no rule is known for the size of the result.

Use instead
-----------
Run over the padded batch and mask, which gives the same at the valid places.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-value", "model.sequence"), support=Support.UNSUPPORTED)


class PackedSequence(nn.Module):
    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(  # refused: MG-D104
            x, lengths, batch_first=True, enforce_sorted=False
        )
        return packed.data.sum(0)


def model():
    return PackedSequence()


def inputs():
    return call(torch.randn(2, 4, 3), torch.tensor([2, 4]))


def more_inputs():
    return [call(torch.randn(2, 4, 3), torch.tensor([1, 3]))]


class Masked(nn.Module):
    def forward(self, x, lengths):
        valid = torch.arange(x.shape[1]) < lengths[:, None]
        return torch.where(valid[..., None], x, 0.0).sum((0, 1))


def rewrite_mask():
    return Masked()


EXPECT = Expect(code="MG-D104")
