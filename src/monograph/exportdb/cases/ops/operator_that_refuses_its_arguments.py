"""An operator that refuses its arguments.

What it shows
-------------
A product of matrices that do not fit.

Why it is hard
--------------
The program is wrong; the error should say where, in the user's words.

What Monograph does
-------------------
Raises what eager mode raises, with the line and the shapes.

Use instead
-----------
Correct the program: it fails in eager mode too.
"""

import torch
from torch import nn

from monograph.exportdb import Case, Expect, Support, call

CASE = Case(tags=("torch.operator", "python.exception"), support=Support.UNSUPPORTED)


class DoesNotFit(nn.Module):
    def forward(self, x):
        if x.dim() == 2:
            return x @ x  # refused: MG-O101
        return x


def model():
    return DoesNotFit()


def inputs():
    return call(torch.randn(2, 3))


EXPECT = Expect(code="MG-O101")
