"""A sparse tensor inside the program.

What it shows
-------------
`x.to_sparse()` and a product with it.

Why it is hard
--------------
How many elements a sparse tensor holds depends on the values, and its memory is several tensors
that no view describes.

What Monograph does
-------------------
Refuses it, and offers the dense product as a patch, which was exported before it is shown.

Use instead
-----------
The dense operation, where the size allows it. Else the indices and values as tensors of their
own, combined by `index_add` or `scatter_add`: these are captured with any number of elements.

See also
--------
sparse_weight, sums_over_nodes
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
