"""A causal mask of the input's length.

What it shows
-------------
`torch.ones(n, n).tril()` and scaled dot product attention.

Why it is hard
--------------
A tensor is created with the size of the call.

What Monograph does
-------------------
The factory takes the size of the call.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "torch.attention"))


class Causal(nn.Module):
    def forward(self, q):
        n = q.shape[-2]
        mask = torch.ones(n, n, dtype=torch.bool).tril()
        return F.scaled_dot_product_attention(q, q, q, attn_mask=mask)


def model():
    return Causal()


def inputs():
    return call(torch.randn(1, 2, 5, 4))


def dynamic_shapes():
    return {"q": {2: Dim("n", min=1)}}


def more_sizes():
    return [call(torch.randn(1, 2, n, 4)) for n in (1, 2, 9)]
