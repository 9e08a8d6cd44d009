"""How many draft tokens are accepted.

What it shows
-------------
`while accepted < n and draft[accepted] == target[accepted]: accepted += 1`.

Why it is hard
--------------
A loop that ends where two tokens differ.

What Monograph does
-------------------
Refuses it in the default mode; strict mode captures the loop.

Use instead
-----------
The length of the common prefix is the sum of a cumulative product.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(
    tags=("model.sequence", "python.control-flow", "torch.dynamic-value"),
    support=Support.UNSUPPORTED,
    strict=Support.SUPPORTED,
)


class Accepts(nn.Module):
    def forward(self, draft, target):
        accepted = torch.tensor(0)
        for i in range(draft.shape[0]):
            if draft[i] != target[i]:  # refused: MG-D101
                break
            accepted = accepted + 1
        return accepted


def model():
    return Accepts()


def inputs():
    return call(torch.tensor([1, 2, 3]), torch.tensor([1, 2, 4]))


def more_inputs():
    return [
        call(torch.tensor([1, 2, 3]), torch.tensor([1, 2, 3])),
        call(torch.tensor([1, 2, 3]), torch.tensor([0, 2, 3])),
    ]


class Prefix(nn.Module):
    def forward(self, draft, target):
        return (draft == target).long().cumprod(0).sum()


def rewrite_prefix():
    return Prefix()


EXPECT = Expect(code="MG-D101")
