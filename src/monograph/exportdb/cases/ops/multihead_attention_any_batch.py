"""Multi-head attention of any batch.

What it shows
-------------
`nn.MultiheadAttention` with a batch and a length that vary.

Why it is hard
--------------
Its code reshapes and checks sizes.

What Monograph does
-------------------
Captures it for all sizes.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.attention", "torch.dynamic-shape"))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x, padding):
        return self.attention(x, x, x, key_padding_mask=padding)[0]


def model():
    return Attention()


def inputs():
    return call(torch.randn(2, 5, 8), torch.zeros(2, 5, dtype=torch.bool))


def dynamic_shapes():
    return {"x": "batch, n, _", "padding": "batch, n"}


def more_sizes():
    return [
        call(torch.randn(b, n, 8), torch.zeros(b, n, dtype=torch.bool)) for b, n in ((1, 1), (3, 7))
    ]
