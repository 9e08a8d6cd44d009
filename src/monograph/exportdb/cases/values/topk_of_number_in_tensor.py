"""Top k, where k is in a tensor.

What it shows
-------------
`x.topk(k.item())` takes as many values as a tensor says.

Why it is hard
--------------
k is a size of the result, and must not exceed that of x.

What Monograph does
-------------------
A symbol for k; that it fits becomes an assertion of the program.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-value", "torch.operator"))


class TopK(nn.Module):
    def forward(self, x, k):
        return x.topk(k.item()).values


def model():
    return TopK()


def inputs():
    return call(torch.randn(6), torch.tensor(3))


def more_inputs():
    return [
        call(torch.randn(6), torch.tensor(1)),
        call(torch.randn(6), torch.tensor(6)),
        call(torch.randn(6), torch.tensor(0)),
    ]


def bad_inputs():
    return [call(torch.randn(6), torch.tensor(7))]
