"""Packed sequences with cumulative lengths.

What it shows
-------------
`cu_seqlens` says where each sequence of a packed batch begins; attention stays inside a sequence.

Why it is hard
--------------
Segments of unequal length in one tensor.

What Monograph does
-------------------
A mask from the offsets, without a loop over the segments.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.sequence", "torch.attention"))


class PackedAttention(nn.Module):
    def forward(self, q, cu_seqlens):
        at = torch.arange(q.shape[0])
        segment = torch.searchsorted(cu_seqlens, at, right=True)
        mask = segment[:, None] == segment[None]
        return F.scaled_dot_product_attention(q[None], q[None], q[None], attn_mask=mask)[0]


def model():
    return PackedAttention()


def inputs():
    return call(torch.randn(6, 4), torch.tensor([0, 2, 6]))


def more_inputs():
    return [call(torch.randn(6, 4), torch.tensor([0, 5, 6]))]


def dynamic_shapes():
    return {"q": {0: Dim("tokens", min=1)}, "cu_seqlens": {0: Dim("ends", min=2)}}


def more_sizes():
    return [
        call(
            call(torch.randn(9, 4), torch.tensor([0, 1, 4, 9])).args[0], torch.tensor([0, 1, 4, 9])
        )
    ]
