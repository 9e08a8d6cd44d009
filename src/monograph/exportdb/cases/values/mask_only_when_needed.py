"""A mask that is dropped where it masks nothing.

What it shows
-------------
`mask = None if mask.all() else mask` before attention, as libraries write it.

Why it is hard
--------------
Whether the argument is there at all depends on data.

What Monograph does
-------------------
Refuses it in the default mode. In strict mode the two ways become a `cond`.

Use instead
-----------
Pass the mask always: a mask that is all true gives the same result.
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("torch.attention", "torch.dynamic-value", "python.control-flow"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class MaskOnlyWhenNeeded(nn.Module):
    def forward(self, q, mask):
        bias = None if mask.all() else mask[:, None, None, :]  # refused: MG-D101
        return F.scaled_dot_product_attention(q, q, q, attn_mask=bias)


def model():
    return MaskOnlyWhenNeeded()


def inputs():
    return call(torch.randn(2, 1, 3, 4), torch.tensor([[True, True, False], [True, True, True]]))


def more_inputs():
    return [call(torch.randn(2, 1, 3, 4), torch.ones(2, 3, dtype=torch.bool))]


class Always(nn.Module):
    def forward(self, q, mask):
        return F.scaled_dot_product_attention(q, q, q, attn_mask=mask[:, None, None, :])


def rewrite_always():
    return Always()


EXPECT = Expect(code="MG-D101")
