"""Least squares, and the rank of the matrix.

What it shows
-------------
`torch.linalg.lstsq` gives a solution, residuals, the rank and singular values.

Why it is hard
--------------
There are residuals only where the matrix has full rank: the size of the result depends on what is
in the matrix.

What Monograph does
-------------------
Refuses it: no rule is known for the size of the result.

Use instead
-----------
The solution alone, by a decomposition: it has one size.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.dynamic-value", "torch.operator"), support=Support.UNSUPPORTED)


class LeastSquares(nn.Module):
    def forward(self, points, values):
        return points @ torch.linalg.lstsq(points, values).solution  # refused: MG-D104


def model():
    return LeastSquares()


def inputs():
    return call(torch.randn(6, 3), torch.randn(6, 2))


def more_inputs():
    return [call(torch.randn(6, 3), torch.randn(6, 2))]


class Decomposed(nn.Module):
    def forward(self, points, values):
        q, r = torch.linalg.qr(points)
        return points @ torch.linalg.solve_triangular(r, q.T @ values, upper=True)


def rewrite_qr():
    return Decomposed()


EXPECT = Expect(code="MG-D104")
