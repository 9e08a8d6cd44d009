"""A sparse matrix as a weight.

What it shows
-------------
A buffer in CSR layout is multiplied with a dense input.

Why it is hard
--------------
The buffer is no dense tensor.

What Monograph does
-------------------
Refuses it.

Use instead
-----------
Keep indices and values as buffers, and use `index_add`; or the dense matrix.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.subclass", "torch.module"), support=Support.UNSUPPORTED)


class SparseWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.eye(3).to_sparse_csr())

    def forward(self, x):
        return self.weight @ x


def model():
    return SparseWeight()


def inputs():
    return call(torch.randn(3, 2))


class DenseWeight(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.eye(3))

    def forward(self, x):
        return self.weight @ x


def rewrite_dense():
    return DenseWeight()


EXPECT = Expect(code="MG-P104")
