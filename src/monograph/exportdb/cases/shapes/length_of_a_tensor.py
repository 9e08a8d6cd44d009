"""The length of a tensor.

What it shows
-------------
`len(x)` in place of `x.shape[0]`, where the size varies.

Why it is hard
--------------
`len` is written in C and returns a plain number: asked of a tensor whose size varies, it would give
the size of the example, and the program would hold for that size alone.

What Monograph does
-------------------
Where a module asks for the length of such a tensor, the program is captured again with a `len` for
that module which gives the size itself. Lists, dictionaries and texts have their lengths as ever.

Limits
------
`range(len(x))` needs the very number: a loop over rows is unrolled, see `iterate_over_rows`.

See also
--------
tensor_from_sizes, iterate_over_rows
"""

import torch
from torch import nn

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("torch.dynamic-shape", "python.builtin"))


class Positions(nn.Module):
    def forward(self, x):
        positions = torch.arange(len(x))
        return x / len(x) + positions[:, None], len(x.shape)


def model():
    return Positions()


def inputs():
    return call(torch.randn(3, 2))


def dynamic_shapes():
    return {"x": {0: Dim("n", min=1)}}


def more_sizes():
    return [call(torch.randn(n, 2)) for n in (1, 2, 9)]
