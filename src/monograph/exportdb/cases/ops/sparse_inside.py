"""A sparse tensor inside the program.

What it shows
-------------
`x.to_sparse()` and a sparse product.

Why it is hard
--------------
Its number of elements depends on data.

What Monograph does
-------------------
Refuses it, and offers the dense product as a patch.

Use instead
-----------
The dense operation, or indices and values with `index_add`.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.subclass", "torch.operator"), support=Support.UNSUPPORTED)


class Sparse(nn.Module):
    def forward(self, x, y):
        return torch.sparse.mm(x.to_sparse(), y)  # refused: MG-P104


def model():
    return Sparse()


def inputs():
    return call(torch.eye(3), torch.randn(3, 2))


def more_inputs():
    return [call(torch.randn(3, 3), torch.randn(3, 2))]


class Dense(nn.Module):
    def forward(self, x, y):
        return x @ y


def rewrite_dense():
    return Dense()


EXPECT = Expect(code="MG-P104")
