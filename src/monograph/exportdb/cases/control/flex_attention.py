"""A control-flow operator that is not captured.

What it shows
-------------
`flex_attention`, a higher-order operator with functions of its own.

Why it is hard
--------------
Each of these operators has rules of its own for what its functions may do, and a schema that
files and backends must know.

What Monograph does
-------------------
Refuses those that it does not know, and names those that it does: `cond`, `while_loop`, `map`,
`scan`, `associative_scan`.

Use instead
-----------
`scaled_dot_product_attention` with a mask: what a score function adds is a mask of floats, what a
mask function hides is a mask of truths.

See also
--------
causal_mask_from_length, compiled_helper
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.attention.flex_attention import flex_attention

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.attention", "torch.operator"), support=Support.UNSUPPORTED)


class Flex(nn.Module):
    def forward(self, q):
        return flex_attention(q, q, q)  # refused: MG-C120


def model():
    return Flex()


def inputs():
    return call(torch.ones(1, 1, 4, 8))


class Plain(nn.Module):
    def forward(self, q):
        return F.scaled_dot_product_attention(q, q, q)


def rewrite_plain():
    return Plain()


EXPECT = Expect(code="MG-C120")
